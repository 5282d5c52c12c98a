"""Readiness reports why Kafka is unusable. A replaced Kafka is used without a restart."""

import asyncio
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.kafka.connection import reach
from adapters.kafka.source import KafkaSource
from adapters.kafka.topics import ensure_topics
from application.documents import Event
from application.errors import BrokerUnavailable
from tests.integration.kafka_tools import kafka_at, new_orders, publish_all
from tests.servers.kafka import Kafka as KafkaProgram
from tests.servers.lookup import skip_or_fail
from tests.servers.plugin import Shared
from tests.servers.ports import Ports
from tests.servers.process import LocalServer
from tests.servers.server import Kind, Unavailable
from tests.support.deadlines import LONG

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


class ReplaceableKafka(KafkaProgram):
    """A Kafka that becomes a new cluster whenever its storage is replaced."""

    def __init__(self) -> None:
        super().__init__()
        self._made = 0

    def initialise(self, folder: Path) -> None:
        super().initialise(folder)
        self._made += 1
        meta = folder / "meta.properties"
        cluster = f"cluster.id=cluster-number-{self._made:04}-of-it"
        meta.write_text(re.sub("(?m)^cluster.id=.*$", cluster, meta.read_text()))


@contextmanager
def running_broker(program: KafkaProgram) -> Iterator[LocalServer]:
    try:
        server = LocalServer(program)
        try:
            server.start()
            yield server
        finally:
            server.close()
    except Unavailable as missing:
        skip_or_fail(Kind.KAFKA, str(missing), os.environ)


async def test_missing_topics_are_named(kafka_server: Shared) -> None:
    async with kafka_at(kafka_server.bootstrap) as kafka:
        publisher = kafka.publisher()
        with pytest.raises(BrokerUnavailable, match=r"topic \S*new_order\.dlq: UnknownTopic"):
            await publisher.ping()
        await ensure_topics(kafka.connection)
        await publisher.ping()


async def test_an_unreachable_advertised_address_is_named() -> None:
    ports = Ports(1)
    [unused_port] = ports.numbers
    try:
        with running_broker(KafkaProgram(advertised_port=unused_port)) as server:
            async with kafka_at(server.url) as kafka:
                address = f"advertises unreachable brokers: 127.0.0.1:{unused_port}: "
                with pytest.raises(BrokerUnavailable, match=address):
                    await reach(kafka.connection)
                publisher, [event] = kafka.publisher(), new_orders(1)
                with pytest.raises(BrokerUnavailable, match=address):
                    await publisher.ping()
                report = await publisher.publish([event])
                assert address in report.unreached[event.id]
    finally:
        ports.release()


async def test_an_emptied_kafka_is_used_without_a_restart() -> None:
    with running_broker(ReplaceableKafka()) as server:
        async with kafka_at(server.url) as kafka:
            publisher, source = kafka.publisher(at_most=2.0), kafka.source()
            before = new_orders(5)
            await publish_all(publisher, before)
            await receive_all(source, before)

            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(lambda: server.start(empty=True))
            # More events than before, because offsets from the old cluster aren't valid here.
            after = new_orders(12)
            await publish_all(publisher, after)
            await receive_all(source, after)
            await publisher.ping()


async def receive_all(source: KafkaSource, events: Sequence[Event]) -> None:
    missing = {str(event.subject).encode() for event in events}
    async with asyncio.timeout(2 * LONG):
        while missing:
            missing -= {delivery.key for delivery in await source.receive()}
            await source.commit()
