"""Kafka stopped, killed, hung, and not there yet. One broker of our own is hurt again and again."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from adapters.kafka.publisher import KafkaPublisher
from adapters.kafka.source import KafkaSource
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

#: How each outage begins, and how it ends.
OUTAGES = {"stop": "start", "kill": "start", "pause": "resume"}
#: Seconds that a publisher waits for a server that hangs.
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
    """Publishes as the relay does: all of it again, until it went through."""

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
    """The events of some orders, step by step."""
    turns = [new_orders(orders)]
    for _ in range(steps - 1):
        turns.append([next_of(event) for event in turns[-1]])
    return turns


async def fails(publisher: KafkaPublisher, events: Sequence[Event]) -> None:
    """It does so by itself; Kafka's own clients would try for ever."""
    async with asyncio.timeout(LONG):
        report = await publisher.publish(events)
    assert set(report.unreached) == {event.id for event in events}


async def leave(publisher: KafkaPublisher, source: KafkaSource) -> None:
    """Both are closed in the middle of their work, and wait for nobody."""
    publishing = asyncio.create_task(publisher.publish(new_orders(10)))
    receiving = asyncio.create_task(source.receive())
    await asyncio.sleep(0.3)
    async with asyncio.timeout(LONG):
        for task in (publishing, receiving):
            task.cancel()
        # On a busy machine they may have given up by themselves.
        await asyncio.gather(publishing, receiving, return_exceptions=True)
        await asyncio.gather(publisher.close(), source.close())


@pytest.mark.parametrize("begin", OUTAGES)
async def test_an_outage_delays_and_loses_nothing(server: Server, kafka: Kafka, begin: str) -> None:
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
    await asyncio.gather(fails(publisher, turns[3]), fails(coming, turns[3]), leave(*leaving))
    for _ in range(3):
        await fails(publisher, turns[3])
    with pytest.raises(BrokerUnavailable):
        await publisher.ping()
    committing = asyncio.create_task(slow.commit())
    again = Relay(publisher)
    relaying = asyncio.create_task(again(turns[3]))
    assert not newcomers.done()
    await asyncio.to_thread(getattr(server, OUTAGES[begin]))
    await relaying
    await pinged(publisher)
    for turn in turns[4:]:
        await relay(turn)

    sent = [event for turn in turns for event in turn]
    everything = {str(event.id) for event in sent}
    deliveries += await drained(quick, everything - ids(deliveries))
    for order in turns[0]:
        key = str(order.subject).encode()
        seen = dict.fromkeys(event_id(d) for d in deliveries if d.key == key)
        assert list(seen) == [str(e.id) for e in sent if e.subject == order.subject]
    # What could not be committed in time comes again, what could does not, and the rest comes.
    async with asyncio.timeout(LONG):
        await committing
    await drained(slow, everything - held)
    await drained(newcomer, everything - ids(await newcomers))
    await Relay(coming)(turns[-1])
    # What was given up was not kept to be sent once for every attempt. A server that hangs gets the
    # first when it goes on; of the others, one that failed may have gone through all the same.
    copies = Counter(dict(message.headers)["ce_id"] for message in await kafka.read_all())
    assert max(copies[str(event.id).encode()] for event in turns[3]) <= 2 + again.failures


async def pinged(publisher: KafkaPublisher) -> None:
    async with asyncio.timeout(LONG):
        while True:
            try:
                return await publisher.ping()
            except BrokerUnavailable:
                await asyncio.sleep(0.1)


async def drained(source: KafkaSource, expected: set[str]) -> list[Delivery]:
    """What comes until all that is expected has come."""
    deliveries: list[Delivery] = []
    async with asyncio.timeout(LONG):
        while not ids(deliveries) >= expected:
            deliveries += await source.receive()
            await source.commit()
    return deliveries
