import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from adapters.memory.bus import MemoryBus
from adapters.memory.outbox import MemoryRelayWakeup
from application.delivery.dead_letter_message import DeadLetterMessage
from application.delivery.messages import message_of
from application.delivery.outages import OutageLog
from application.delivery.topics import NEW_ORDER
from application.documents import OrderDocument
from application.errors import QueueUnavailable, Unavailable
from application.ports.events import Delivery, EventSource
from application.ports.orders import OrderReader
from domain.ids import OrderId
from entrypoints.messaging.consumer import Unreadable, announced_order, consume
from tests.support.acts import place, publish
from tests.support.adapters import memory_adapters
from tests.support.deadlines import LONG
from tests.support.orders import IDS, a_placed_order, a_user_id, an_order_write
from tests.support.time import MovableClock


class Source:
    """`EventSource` of some batches; says when all of them were committed."""

    def __init__(self, *batches: Sequence[Delivery]) -> None:
        self.batches = list(batches)
        self.done = asyncio.Event()

    async def receive(self) -> Sequence[Delivery]:
        if not self.batches:
            await asyncio.sleep(3_600)
        return self.batches[0]

    async def commit(self) -> None:
        del self.batches[0]
        if not self.batches:
            self.done.set()

    async def lag(self) -> Mapping[int, int]:
        return {0: sum(len(batch) for batch in self.batches)}


@dataclass
class Tasks:
    """`TaskQueue` that notes what it was given, and fails some calls."""

    orders: list[OrderId] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    async def process_order(self, order_id: OrderId) -> bool:
        if self.failures:
            raise self.failures.pop()
        self.orders.append(order_id)
        return True


class Reader:
    """`OrderReader.find_many` of a storage that is out of reach for one call."""

    def __init__(self, reader: OrderReader) -> None:
        self._reader = reader
        self.asked = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._reader, name)

    async def find_many(self, order_ids: Sequence[OrderId]) -> Mapping[OrderId, OrderDocument]:
        self.asked += 1
        if self.asked == 1:
            raise Unavailable
        return await self._reader.find_many(order_ids)


class Consumer:
    """A consumer over a storage in memory."""

    def __init__(self) -> None:
        self.stored = memory_adapters(MovableClock())
        self.tasks = Tasks()
        self.bury = DeadLetterMessage(
            self.stored.dead_letters, MemoryRelayWakeup(), MovableClock(), IDS
        )

    async def consumes(self, source: EventSource) -> None:
        async with asyncio.timeout(LONG):
            await consume(source, self.tasks, self.stored.reader, self.bury)

    async def receives(self, *batches: Sequence[Delivery], reader: object = None) -> Source:
        source = Source(*batches)
        orders: OrderReader = reader or self.stored.reader  # type: ignore[assignment]
        consumer = asyncio.create_task(consume(source, self.tasks, orders, self.bury))
        try:
            await asyncio.wait_for(source.done.wait(), 60)
        finally:
            consumer.cancel()
        return source

    async def buried(self) -> list[str]:
        return [dead_letter.reason for dead_letter in await self.stored.dead_letters.waiting(100)]


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


def announcement() -> Delivery:
    return message_of(an_order_write(a_placed_order(a_user_id())).event)


def with_header(delivery: Delivery, name: str, value: bytes | None) -> Delivery:
    return replace(delivery, headers=(*delivery.headers, (name, value)))


BAD = {
    "no key": replace(announcement(), key=None),
    "a key that is no UUID": replace(announcement(), key=b"order 1"),
    "a key that is no text": replace(announcement(), key=b"\xff\x00"),
    "a key in braces": replace(announcement(), key=b"{%s}" % announcement().key),
    "another's key": replace(announcement(), key=announcement().key),
    "another type": with_header(announcement(), "ce_type", b"order.processed"),
    "no type": replace(announcement(), headers=()),
    "a type that is null": with_header(announcement(), "ce_type", None),
    "a type that is no text": with_header(announcement(), "ce_type", b"\xff"),
    "no value": replace(announcement(), value=b""),
    "a tombstone": replace(announcement(), value=None),
    "a record that cannot be decoded": Delivery(None, None, defect="it is corrupt"),
    "no JSON": replace(announcement(), value=b"\xff{"),
    "half of a character": replace(announcement(), value=b'{"id": "\\ud800"}'),
    "no object": replace(announcement(), value=b"[]"),
    "no id": replace(announcement(), value=b"{}"),
    "an id that is no UUID": replace(announcement(), value=b'{"id": 1}'),
    "deep brackets": replace(announcement(), value=b'{"x": ' + b"[" * 100_000),
}


def test_an_announcement_is_read() -> None:
    write = an_order_write(a_placed_order(a_user_id()))
    assert announced_order(message_of(write.event)) == write.record.id


@pytest.mark.parametrize("what", BAD)
def test_a_bad_message_says_what_is_wrong_with_it(what: str) -> None:
    with pytest.raises(Unreadable, match=r".+"):
        announced_order(BAD[what])


async def test_bad_messages_are_buried_and_hold_up_nothing(consumer: Consumer) -> None:
    good = (await place(consumer.stored)).event
    await publish(consumer.stored.outbox)
    await consumer.receives([*BAD.values(), message_of(good)], [*BAD.values()])
    assert consumer.tasks.orders == [good.subject]
    assert len(await consumer.buried()) == len(BAD)
    copies = await publish(consumer.stored.outbox)
    assert {copy.topic for copy in copies} == {"new_order.dlq"}
    assert len(copies) == len(BAD)


async def test_an_order_that_nobody_knows_is_buried(consumer: Consumer) -> None:
    unknown = announcement()
    await consumer.receives([unknown])
    assert consumer.tasks.orders == []
    [reason] = await consumer.buried()
    assert reason == f"there is no order {(unknown.key or b'').decode()}"


async def test_orders_are_handed_over_as_they_come_twice_where_they_come_twice(
    consumer: Consumer,
) -> None:
    one, two = [message_of((await place(consumer.stored)).event) for _ in range(2)]
    await consumer.receives([one, two], [one])
    keys = [str(order_id).encode() for order_id in consumer.tasks.orders]
    assert keys == [one.key, two.key, one.key]


async def test_a_server_out_of_reach_is_waited_for_and_no_message_is_buried(
    consumer: Consumer,
) -> None:
    good = (await place(consumer.stored)).event
    consumer.tasks.failures = [Unavailable(), Unavailable()]
    reader = Reader(consumer.stored.reader)
    await consumer.receives([message_of(good)], reader=reader)
    assert consumer.tasks.orders == [good.subject]
    assert reader.asked == 2
    assert await consumer.buried() == []


async def test_a_batch_whose_handling_fails_is_received_again_and_none_of_it_is_skipped(
    consumer: Consumer,
) -> None:
    bus = MemoryBus()
    source = bus.subscribe(NEW_ORDER)
    orders = [(await place(consumer.stored)).event for _ in range(2)]
    foreign = replace(an_order_write(a_placed_order(a_user_id())).event, payload=b"no JSON")
    await bus.publish([orders[0], foreign, orders[1]])
    consumer.tasks.failures = [RuntimeError("a bug"), RuntimeError("a bug")]
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a bug"):
            await consumer.consumes(source)
    consuming = asyncio.create_task(consumer.consumes(source))
    async with asyncio.timeout(LONG):
        while sum((await source.lag()).values()):  # noqa: ASYNC110 - the loop sets no event
            await asyncio.sleep(0)
    consuming.cancel()
    assert consumer.tasks.orders == [event.subject for event in orders]
    assert len(await consumer.buried()) == 1


async def test_an_outage_is_one_warning_when_it_begins_and_one_when_it_ends(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("entrypoints.messaging.consumer.outages", OutageLog())
    good = (await place(consumer.stored)).event
    consumer.tasks.failures = [QueueUnavailable(), QueueUnavailable(), QueueUnavailable()]
    await consumer.receives([message_of(good)])
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "the task queue is out of reach",
        "the task queue is in reach again",
    ]
