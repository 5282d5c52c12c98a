"""Kafka stopped, killed, hung, and not there yet. One broker of our own is hurt again and again."""

import asyncio
import time
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
    ids,
    kafka_at,
    new_orders,
    next_of,
    received,
)
from tests.servers.plugin import NewServer
from tests.servers.server import Server

#: How each outage begins, and how it ends.
OUTAGES = {"stop": "start", "kill": "start", "pause": "resume"}


@pytest.fixture(scope="module")
def server(new_kafka: NewServer) -> Iterator[Server]:
    with new_kafka() as server:
        yield server


@pytest.fixture
async def kafka(server: Server) -> AsyncIterator[Kafka]:
    async with kafka_at(server.url) as kafka:
        yield kafka


async def relayed(publisher: KafkaPublisher, events: Sequence[Event]) -> int:
    """Publish as the relay does: all of it again, until it went through; how often it did not."""
    failures = 0
    async with asyncio.timeout(40):
        while True:
            try:
                assert await publisher.publish(events) == {}
            except BrokerUnavailable:
                failures += 1
                await asyncio.sleep(0.1)
            else:
                return failures


def history(orders: int, steps: int) -> list[list[Event]]:
    """The events of some orders, step by step."""
    turns = [new_orders(orders)]
    for _ in range(steps - 1):
        turns.append([next_of(event) for event in turns[-1]])
    return turns


async def fails_soon(publisher: KafkaPublisher, events: Sequence[Event]) -> None:
    begun = time.monotonic()
    with pytest.raises(BrokerUnavailable, match=r"did not acknowledge|refused|no answer"):
        await publisher.publish(events)
    assert time.monotonic() - begun < 3


async def leaves_soon(publisher: KafkaPublisher, source: KafkaSource) -> None:
    """Both are closed in the middle of their work."""
    publishing = asyncio.create_task(publisher.publish(new_orders(10)))
    receiving = asyncio.create_task(source.receive())
    await asyncio.sleep(0.3)
    begun = time.monotonic()
    for task in (publishing, receiving):
        task.cancel()
    await asyncio.wait([publishing, receiving])
    await asyncio.gather(publisher.close(), source.close())
    assert time.monotonic() - begun < 9


@pytest.mark.parametrize("begin", OUTAGES)
async def test_an_outage_delays_and_loses_nothing(server: Server, kafka: Kafka, begin: str) -> None:
    publisher = kafka.publisher(at_most=1.5)
    quick, slow = kafka.source("quick"), kafka.source("slow")
    turns = history(orders=5, steps=10)
    for turn in turns[:3]:
        await relayed(publisher, turn)
    deliveries = await received(quick, 15)
    await quick.commit()
    held = ids(await received(slow, 15))
    leaving = kafka.publisher(), kafka.source("leaving")
    await relayed(leaving[0], new_orders(1))
    await received(leaving[1], 16)
    deliveries += await received(quick, 1)

    await asyncio.to_thread(getattr(server, begin))
    coming, newcomer = kafka.publisher(at_most=1.5), kafka.source("newcomer")
    newcomers = asyncio.create_task(received(newcomer, 16, within=60))
    await asyncio.gather(
        fails_soon(publisher, turns[3]), fails_soon(coming, turns[3]), leaves_soon(*leaving)
    )
    await fails_soon(publisher, turns[3])
    with pytest.raises(BrokerUnavailable):
        await publisher.ping()
    committing = asyncio.create_task(slow.commit())
    relaying = asyncio.create_task(relayed(publisher, turns[3]))
    assert not newcomers.done()
    await asyncio.to_thread(getattr(server, OUTAGES[begin]))
    await relaying
    await publisher.ping()
    for turn in turns[4:]:
        await relayed(publisher, turn)

    sent = [event for turn in turns for event in turn]
    everything = {str(event.id) for event in sent}
    deliveries += await drained(quick, everything - ids(deliveries))
    for order in turns[0]:
        key = str(order.subject).encode()
        seen = dict.fromkeys(d.headers["ce_id"] for d in deliveries if d.key == key)
        assert list(seen) == [str(e.id) for e in sent if e.subject == order.subject]
    # What could not be committed in time comes again, what could does not, and the rest comes.
    async with asyncio.timeout(40):
        await committing
    await drained(slow, everything - held)
    await drained(newcomer, everything - ids(await newcomers))
    assert await relayed(coming, turns[-1]) == 0
    # What was given up was not kept to be sent once for every attempt.
    copies = Counter(dict(message.headers)["ce_id"] for message in await kafka.read_all())
    assert all(copies[str(event.id).encode()] <= 2 for event in turns[3])


async def drained(source: KafkaSource, expected: set[str]) -> list[Delivery]:
    """What comes until all that is expected has come."""
    deliveries: list[Delivery] = []
    async with asyncio.timeout(40):
        while not ids(deliveries) >= expected:
            deliveries += await source.receive()
            await source.commit()
    return deliveries
