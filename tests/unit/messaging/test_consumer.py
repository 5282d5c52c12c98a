import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import pytest

from adapters.memory.bus import MemoryBus
from adapters.memory.outbox import MemoryRelayWakeup
from application.delivery.dead_letter_message import DeadLetterMessage
from application.delivery.topics import NEW_ORDER
from application.documents import Headers
from application.errors import QueueUnavailable, Unavailable
from application.ports.dead_letters import DeadLetter
from application.ports.events import Delivery, EventSource, ReceivedEvent
from domain.ids import EventId, OrderId
from entrypoints.messaging.consumer import ATTEMPTS, Consumer
from entrypoints.processes.backoff import Backoff
from libraries.outages import OutageLog
from tests.support.adapters import memory_adapters
from tests.support.deadlines import LONG
from tests.support.messages import ENCODER, message_of
from tests.support.orders import IDS, a_placed_order, a_user_id, rendered_write
from tests.support.storage_actions import place, publish
from tests.support.time import MovableClock

from .test_cloud_events import BAD, announcement


class Source:
    """An `EventSource` with some batches. Sets `done` when all of them have been committed."""

    def __init__(self, *batches: Sequence[Delivery]) -> None:
        self.batches = list(batches)
        self.done = asyncio.Event()

    async def receive(self) -> Sequence[Delivery]:
        if not self.batches:
            await asyncio.Event().wait()
        return self.batches[0]

    async def commit(self) -> None:
        del self.batches[0]
        if not self.batches:
            self.done.set()

    async def lag(self) -> Mapping[int, int]:
        return {0: sum(len(batch) for batch in self.batches)}


class Handler:
    """An `EventHandler` that records its events. The first calls raise `failures`."""

    def __init__(self) -> None:
        self.orders: list[OrderId] = []
        self.failures: list[Exception] = []
        self.calls = 0

    async def __call__(self, event: ReceivedEvent) -> None:
        self.calls += 1
        if self.failures:
            raise self.failures.pop()
        self.orders.append(event.order_id)


class House:
    """A consumer with an in-memory storage."""

    def __init__(self) -> None:
        self.stored = memory_adapters(MovableClock())
        self.handler = Handler()
        self.consumer = Consumer(
            NEW_ORDER,
            self.handler,
            self.stored.known,
            DeadLetterMessage(self.stored.dead_letters, MemoryRelayWakeup(), MovableClock(), IDS),
        )

    @asynccontextmanager
    async def consuming(self, source: EventSource) -> AsyncIterator[None]:
        task = asyncio.create_task(self.consumer.run(source))
        try:
            async with asyncio.timeout(LONG):
                yield
        finally:
            task.cancel()

    async def receives(self, *batches: Sequence[Delivery]) -> None:
        source = Source(*batches)
        async with self.consuming(source):
            await source.done.wait()

    async def dead_letters(self) -> Sequence[DeadLetter]:
        return await self.stored.dead_letters.waiting(100)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(Backoff, "next", lambda _: 0.0)
    return House()


async def test_unreadable_messages_become_dead_letters_and_block_nothing(house: House) -> None:
    good = (await place(house.stored)).event
    await publish(house.stored.outbox)
    await house.receives([*BAD.values(), message_of(good)], [*BAD.values()])
    assert house.handler.orders == [good.subject]
    assert len(await house.dead_letters()) == len(BAD)
    copies = await publish(house.stored.outbox)
    assert {copy.topic for copy in copies} == {"new_order.dlq"}
    assert len(copies) == len(BAD)


async def test_a_message_of_an_unknown_order_becomes_a_dead_letter(house: House) -> None:
    unknown = announcement()
    await house.receives([unknown])
    assert house.handler.calls == 0
    [dead_letter] = await house.dead_letters()
    assert dead_letter.reason == f"there is no order {(unknown.key or b'').decode()}"
    assert dead_letter.attempts == 1


async def test_events_are_handled_in_their_order_and_again_if_they_are_repeated(
    house: House,
) -> None:
    one, two = [message_of((await place(house.stored)).event) for _ in range(2)]
    await house.receives([one, two], [one])
    keys = [str(order_id).encode() for order_id in house.handler.orders]
    assert keys == [one.key, two.key, one.key]


async def test_messages_with_different_keys_are_handled_at_the_same_time(house: House) -> None:
    events = [(await place(house.stored)).event for _ in range(3)]
    together, running = asyncio.Event(), 0

    async def handle(event: ReceivedEvent) -> None:
        nonlocal running
        running += 1
        if running == len(events):
            together.set()
        await together.wait()
        house.handler.orders.append(event.order_id)

    house.consumer = replace(house.consumer, handle=handle, concurrency=len(events))
    await house.receives([message_of(event) for event in events])
    assert set(house.handler.orders) == {event.subject for event in events}


async def test_messages_with_the_same_key_are_handled_one_after_another(house: House) -> None:
    one, two = [message_of((await place(house.stored)).event) for _ in range(2)]
    running: Counter[OrderId] = Counter()
    seen: list[tuple[OrderId, EventId]] = []

    async def handle(event: ReceivedEvent) -> None:
        running[event.order_id] += 1
        assert running[event.order_id] == 1
        for _ in range(3):
            await asyncio.sleep(0)
        running[event.order_id] -= 1
        seen.append((event.order_id, event.id))

    house.consumer = replace(house.consumer, handle=handle, concurrency=10)
    repeated = [replace(each, headers=_with_id(each, n)) for n in range(4) for each in (one, two)]
    await house.receives(repeated)
    assert len(seen) == len(repeated)
    for key in (one.key, two.key):
        of_one = [event_id.int for order_id, event_id in seen if str(order_id).encode() == key]
        assert of_one == [0, 1, 2, 3]


def _with_id(message: Delivery, number: int) -> Headers:
    others = [header for header in message.headers if header[0] != "ce_id"]
    return (*others, ("ce_id", str(UUID(int=number)).encode()))


async def test_a_message_that_fails_too_often_does_not_stop_concurrent_ones(house: House) -> None:
    bad, *good = [(await place(house.stored)).event for _ in range(3)]
    attempts = 0

    async def handle(event: ReceivedEvent) -> None:
        nonlocal attempts
        if event.order_id == bad.subject:
            attempts += 1
            raise RuntimeError("no tea")
        await house.handler(event)

    house.consumer = replace(house.consumer, handle=handle, concurrency=3)
    await house.receives([message_of(event) for event in (bad, *good)])
    assert set(house.handler.orders) == {event.subject for event in good}
    assert attempts == ATTEMPTS
    [dead_letter] = await house.dead_letters()
    assert (dead_letter.key, dead_letter.attempts) == (message_of(bad).key, ATTEMPTS)


async def test_a_wait_for_an_unavailable_server_does_not_count_as_an_attempt(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = (await place(house.stored)).event
    existing, reads = house.stored.known.existing, 0

    async def fail_once(order_ids: Collection[OrderId]) -> frozenset[OrderId]:
        nonlocal reads
        reads += 1
        if reads == 1:
            raise Unavailable
        return await existing(order_ids)

    monkeypatch.setattr(house.stored.known, "existing", fail_once)
    house.handler.failures = [Unavailable() for _ in range(2 * ATTEMPTS)]
    await house.receives([message_of(good)])
    assert house.handler.orders == [good.subject]
    assert reads == 2
    assert await house.dead_letters() == []


async def test_a_message_that_fails_is_retried(house: House) -> None:
    good = (await place(house.stored)).event
    house.handler.failures = [RuntimeError("no tea")] * (ATTEMPTS - 1)
    await house.receives([message_of(good)])
    assert house.handler.orders == [good.subject]
    assert await house.dead_letters() == []


async def test_a_message_that_fails_too_often_becomes_a_dead_letter_and_blocks_nothing(
    house: House,
) -> None:
    bad, good = [(await place(house.stored)).event for _ in range(2)]
    house.handler.failures = [RuntimeError("no tea")] * ATTEMPTS
    await house.receives([message_of(bad), message_of(good)])
    assert house.handler.orders == [good.subject]
    [dead_letter] = await house.dead_letters()
    assert dead_letter.reason == "RuntimeError: no tea"
    assert (dead_letter.topic, dead_letter.attempts) == (NEW_ORDER, ATTEMPTS)
    assert dead_letter.key == message_of(bad).key
    assert dead_letter.order_id is None


async def test_outages_do_not_count_between_failures(house: House) -> None:
    bad = (await place(house.stored)).event
    failures = [Unavailable(), RuntimeError("no tea"), QueueUnavailable()] * ATTEMPTS
    house.handler.failures = list(failures)
    await house.receives([message_of(bad)])
    [dead_letter] = await house.dead_letters()
    assert dead_letter.attempts == ATTEMPTS
    assert house.handler.calls == len(failures) - 1


async def test_a_batch_whose_dead_letters_fail_is_received_again_as_a_whole(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = MemoryBus(ENCODER)
    source = bus.subscribe(NEW_ORDER, "group")
    orders = [(await place(house.stored)).event for _ in range(2)]
    foreign = replace(rendered_write(a_placed_order(a_user_id())).event, payload=b"no JSON")
    await bus.publish([orders[0], foreign, orders[1]])
    add, calls = house.stored.dead_letters.add, 0

    async def fail_twice(*values: object) -> bool:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise RuntimeError("a bug")
        return await add(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(house.stored.dead_letters, "add", fail_twice)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a bug"):
            await house.consumer.run(source)
    async with house.consuming(source):
        while sum((await source.lag()).values()):  # noqa: ASYNC110 - the loop does not set an event
            await asyncio.sleep(0)
    assert house.handler.orders == [orders[0].subject] * 3 + [orders[1].subject]
    assert len(await house.dead_letters()) == 1


async def test_a_batch_is_committed_after_all_of_it_is_handled(house: House) -> None:
    source = Source([message_of((await place(house.stored)).event) for _ in range(2)])
    uncommitted = []

    async def handle(event: ReceivedEvent) -> None:  # noqa: ARG001 - from the port
        uncommitted.append(len(source.batches))

    house.consumer = replace(house.consumer, handle=handle)
    async with house.consuming(source):
        await source.done.wait()
    assert uncommitted == [1, 1]


async def test_an_outage_is_one_warning_when_it_begins_and_one_when_it_ends(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("entrypoints.messaging.consumer.outages", OutageLog())
    good = (await place(house.stored)).event
    house.handler.failures = [QueueUnavailable(), QueueUnavailable(), QueueUnavailable()]
    await house.receives([message_of(good)])
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "the task queue is unreachable",
        "the task queue is reachable again",
    ]
