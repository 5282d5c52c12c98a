"""Kafka outages: the broker is stopped, killed, frozen or not started yet. All tests share it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from adapters.kafka.publisher import KafkaPublisher
from adapters.kafka.source import KafkaSource
from adapters.kafka.topic_writer import open_topic
from application.documents import Event
from application.errors import BrokerUnavailable
from application.ports.events import Delivery
from tests.integration.kafka_tools import (
    Kafka,
    event_id,
    ids,
    kafka_at,
    new_orders,
    next_of,
    received,
)
from tests.servers.plugin import NewServer
from tests.servers.server import Server
from tests.support.deadlines import LONG

#: How each outage begins and ends.
OUTAGES = {"stop": "start", "kill": "start", "pause": "resume"}
#: How long a publisher waits for a frozen server, in seconds.
AT_MOST = 1.5


@pytest.fixture(scope="module")
def server(new_kafka: NewServer) -> Iterator[Server]:
    with new_kafka() as server:
        yield server


@pytest.fixture
async def kafka(server: Server) -> AsyncIterator[Kafka]:
    async with kafka_at(server.url) as kafka:
        yield kafka


class Relay:
    """Publish like the relay: retry the whole batch until it succeeds."""

    def __init__(self, publisher: KafkaPublisher) -> None:
        self._publisher = publisher
        self.failures = 0

    async def __call__(self, events: Sequence[Event]) -> None:
        async with asyncio.timeout(LONG):
            while not await self._has_published(events):
                self.failures += 1
                await asyncio.sleep(0.1)

    async def _has_published(self, events: Sequence[Event]) -> bool:
        report = await self._publisher.publish(events)
        assert report.rejected == {}
        return not report.unreached


def history(orders: int, steps: int) -> list[list[Event]]:
    """Return events for some orders, one step after the other."""
    turns = [new_orders(orders)]
    for _ in range(steps - 1):
        turns.append([next_of(event) for event in turns[-1]])
    return turns


async def assert_publish_fails(publisher: KafkaPublisher, events: Sequence[Event]) -> None:
    """Assert that publishing fails within its time limit. aiokafka itself would retry forever."""
    async with asyncio.timeout(LONG):
        report = await publisher.publish(events)
    assert set(report.unreached) == {event.id for event in events}


async def close_while_busy(publisher: KafkaPublisher, source: KafkaSource) -> None:
    """Close both while they are busy. This must not wait for the broker."""
    publishing = asyncio.create_task(publisher.publish(new_orders(10)))
    receiving = asyncio.create_task(source.receive())
    await asyncio.sleep(0.3)
    async with asyncio.timeout(LONG):
        for task in (publishing, receiving):
            task.cancel()
        # On a busy machine, they may have failed already.
        await asyncio.gather(publishing, receiving, return_exceptions=True)
        await asyncio.gather(publisher.close(), source.close())


@pytest.mark.parametrize("begin", OUTAGES)
async def test_an_outage_delays_events_and_loses_none(
    server: Server, kafka: Kafka, begin: str
) -> None:
    publisher = kafka.publisher(AT_MOST)
    relay = Relay(publisher)
    quick, slow = kafka.source("quick"), kafka.source("slow")
    turns = history(orders=5, steps=10)
    for turn in turns[:3]:
        await relay(turn)
    deliveries = await received(quick, 15)
    await quick.commit()
    held = ids(await received(slow, 15))
    leaving = kafka.publisher(AT_MOST), kafka.source("leaving")
    await Relay(leaving[0])(new_orders(1))
    await received(leaving[1], 16)
    deliveries += await received(quick, 1)

    await asyncio.to_thread(getattr(server, begin))
    coming, newcomer = kafka.publisher(AT_MOST), kafka.source("newcomer")
    newcomers = asyncio.create_task(received(newcomer, 16))
    await asyncio.gather(
        assert_publish_fails(publisher, turns[3]),
        assert_publish_fails(coming, turns[3]),
        close_while_busy(*leaving),
    )
    for _ in range(3):
        await assert_publish_fails(publisher, turns[3])
    with pytest.raises(BrokerUnavailable):
        await publisher.ping()
    committing = asyncio.create_task(slow.commit())
    again = Relay(publisher)
    relaying = asyncio.create_task(again(turns[3]))
    assert not newcomers.done()
    await asyncio.to_thread(getattr(server, OUTAGES[begin]))
    await relaying
    await wait_for_ping(publisher)
    for turn in turns[4:]:
        await relay(turn)

    sent = [event for turn in turns for event in turn]
    everything = {str(event.id) for event in sent}
    deliveries += await receive_until(quick, everything - ids(deliveries))
    for order in turns[0]:
        key = str(order.subject).encode()
        seen = dict.fromkeys(event_id(d) for d in deliveries if d.key == key)
        assert list(seen) == [str(e.id) for e in sent if e.subject == order.subject]
    # Uncommitted deliveries are received again, but committed ones aren't. Later ones still arrive.
    async with asyncio.timeout(LONG):
        await committing
    await receive_until(slow, everything - held)
    await receive_until(newcomer, everything - ids(await newcomers))
    await Relay(coming)(turns[-1])
    # Abandoned events haven't been queued once per attempt. A frozen server receives the first
    # attempt when it resumes, and one of the failed attempts after that may have succeeded.
    copies = Counter(dict(message.headers)["ce_id"] for message in await kafka.read_all())
    assert max(copies[str(event.id).encode()] for event in turns[3]) <= 2 + again.failures


async def wait_for_ping(publisher: KafkaPublisher) -> None:
    async with asyncio.timeout(LONG):
        while True:
            try:
                return await publisher.ping()
            except BrokerUnavailable:
                await asyncio.sleep(0.1)


async def receive_until(source: KafkaSource, expected: set[str]) -> list[Delivery]:
    """Keep receiving and committing until all expected events have arrived. Return them."""
    deliveries: list[Delivery] = []
    async with asyncio.timeout(LONG):
        while not ids(deliveries) >= expected:
            deliveries += await source.receive()
            await source.commit()
    return deliveries


async def test_a_topic_writer_gives_up_on_a_frozen_broker(
    kafka: Kafka, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.kafka.topic_writer._BATCH_SECONDS", AT_MOST)

    async def write_to_a_frozen_broker() -> None:
        async with open_topic(kafka.connection, "topic", 1) as writer:
            server.pause()
            await writer.write([Delivery(b"key", b"value")])

    try:
        async with asyncio.timeout(LONG):
            with pytest.raises(BrokerUnavailable, match="no answer"):
                await write_to_a_frozen_broker()
    finally:
        server.resume()


@pytest.mark.parametrize("begin", OUTAGES)
async def test_reading_stored_records_fails_within_a_time_limit(
    server: Server, kafka: Kafka, begin: str
) -> None:
    [event] = new_orders(1)
    await Relay(kafka.publisher())([event])
    records = kafka.records()
    [log] = [n for n in range(6) if (await records.read(event.topic, n, [0])).records]
    await asyncio.to_thread(getattr(server, begin))
    try:
        async with asyncio.timeout(LONG):
            with pytest.raises(BrokerUnavailable):
                await records.read(event.topic, log, [0])
            await records.close()
    finally:
        await asyncio.to_thread(getattr(server, OUTAGES[begin]))
    assert (await records.read(event.topic, log, [0])).records
