"""Deleted and emptied topics, corrupt batches, and broken connections."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from adapters.kafka.publisher import KafkaPublisher
from adapters.kafka.source import KafkaSource
from application.documents import Event
from tests.integration.kafka_tools import (
    TOPIC,
    Kafka,
    ids,
    kafka_at,
    new_orders,
    publish_all,
    received,
)
from tests.servers.kafka import Kafka as KafkaProgram
from tests.servers.lookup import skip_or_fail
from tests.servers.process import LocalServer
from tests.servers.server import Kind, Unavailable
from tests.support.deadlines import LONG
from tests.support.fault_proxy import FaultProxy


@pytest.fixture(scope="module")
def broker() -> Iterator[tuple[LocalServer, FaultProxy]]:
    """A broker that advertises a proxy's address."""
    try:
        with FaultProxy("127.0.0.1", 0) as proxy:
            server = LocalServer(KafkaProgram(advertised_port=proxy.port))
            proxy._upstream = ("127.0.0.1", server._ports.numbers[0])
            try:
                server.start()
                yield server, proxy
            finally:
                server.close()
    except Unavailable as missing:
        skip_or_fail(Kind.KAFKA, str(missing), os.environ)


@pytest.fixture
async def kafka(broker: tuple[LocalServer, FaultProxy]) -> AsyncIterator[Kafka]:
    _, proxy = broker
    proxy.heal()
    async with kafka_at(f"127.0.0.1:{proxy.port}") as kafka:
        yield kafka
        proxy.heal()


async def receive_until(source: KafkaSource, expected: set[str]) -> None:
    """Keep receiving and committing until all expected events have arrived."""
    seen: set[str] = set()
    async with asyncio.timeout(LONG):
        while not seen >= expected:
            seen |= ids(await source.receive())
            await source.commit()


def names(events: Sequence[Event]) -> set[str]:
    return {str(event.id) for event in events}


async def admin_of(kafka: Kafka) -> AIOKafkaAdminClient:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.connection.bootstrap_servers)
    await admin.start()
    return admin


@pytest.mark.usefixtures("with_generous_deadlines")
async def test_a_deleted_topic_is_recreated_and_read_without_a_restart(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.kafka.publisher._PREPARE_SECONDS", 0.2)
    publisher, source = kafka.publisher(), kafka.source()
    first, second = new_orders(20), new_orders(20)
    await publish_all(publisher, first)
    await receive_until(source, names(first))
    admin = await admin_of(kafka)
    try:
        await admin.delete_topics([kafka.connection.name(TOPIC)])
        await publish_all(publisher, second)
        [described] = await admin.describe_topics([kafka.connection.name(TOPIC)])
    finally:
        await admin.close()
    assert len(described["partitions"]) == 6
    await receive_until(source, names(second))


@pytest.mark.usefixtures("with_generous_deadlines")
async def test_an_emptied_topic_stops_neither_publisher_nor_source(
    kafka: Kafka,
) -> None:
    publisher, source, newcomer = kafka.publisher(), kafka.source(), kafka.source("newcomer")
    first, second = new_orders(20), new_orders(20)
    await publish_all(publisher, first)
    await received(source, 20)
    topic = kafka.connection.name(TOPIC)
    partitions = [TopicPartition(topic, n) for n in range(6)]
    admin = await admin_of(kafka)
    try:
        await admin.delete_records(
            {partition: RecordsToDelete(before_offset=-1) for partition in partitions}
        )
    finally:
        await admin.close()
    await publish_all(publisher, second)
    for each in (source, newcomer):
        await receive_until(each, names(second))


def damage(log: Path, value: bytes) -> None:
    """Change one byte in a stored value, like a faulty disk."""
    content = log.read_bytes()
    with log.open("r+b") as file:
        file.seek(content.index(value))
        file.write(b"#")


@pytest.mark.usefixtures("with_generous_deadlines")
async def test_a_corrupt_batch_is_named_and_skipped(
    broker: tuple[LocalServer, FaultProxy], kafka: Kafka
) -> None:
    server, _ = broker
    topic = await kafka.make_topic(TOPIC, 1)
    await kafka.write({"value": b"before"}, {"value": b"~corrupt~"}, {"value": b"after"})
    damage(server.folder / "data" / f"{topic}-0" / f"{0:020d}.log", b"~corrupt~")
    deliveries = await received(kafka.source(), 3)
    assert [delivery.value for delivery in deliveries] == [b"before", None, b"after"]
    assert f"{topic}, partition 0, offset 1 cannot be decoded" in str(deliveries[1].defect)
    assert "CRC" in str(deliveries[1].defect)


@pytest.mark.parametrize("fault", ["reset", "forget", "silence", "refuse"])
async def test_network_faults_end_neither_loop(
    broker: tuple[LocalServer, FaultProxy], kafka: Kafka, fault: str
) -> None:
    _, proxy = broker
    publisher, source = kafka.publisher(5.0), kafka.source()
    first, second = new_orders(20), new_orders(20)
    await publish_all(publisher, first)
    receiving = asyncio.create_task(receive_until(source, names([*first, *second])))
    await asyncio.sleep(1)
    getattr(proxy, fault)()
    # The publisher's own time limit must end this call.
    async with asyncio.timeout(LONG):
        report = await publisher.publish(second)
    assert report.rejected == {}
    proxy.heal()
    await publish_all(publisher, [event for event in second if event.id in report.unreached])
    await receiving


@pytest.mark.usefixtures("with_generous_deadlines")
@pytest.mark.parametrize("fault", ["forget", "silence"])
async def test_a_silent_connection_is_replaced(
    broker: tuple[LocalServer, FaultProxy],
    kafka: Kafka,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    """Requests may take up to an hour here, because a response can be large or late."""
    _, proxy = broker
    monkeypatch.setattr("adapters.kafka.producer._REQUEST_SECONDS", 3_600.0)
    monkeypatch.setattr("adapters.kafka.consumer._REQUEST_MS", 3_600_000)
    publisher, source = kafka.publisher(3_600.0), kafka.source()
    first, second = new_orders(20), new_orders(20)
    await publish_all(publisher, first)
    await receive_until(source, names(first))
    monkeypatch.setattr("adapters.kafka.connection._HANDSHAKE_SECONDS", 1.0)
    monkeypatch.setattr("adapters.kafka.silent_connections.SILENCE_SECONDS", 1.0)
    getattr(proxy, fault)()
    receiving = asyncio.create_task(receive_until(source, names(second)))
    async with asyncio.timeout(LONG):
        while not await publishes(publisher, second):
            proxy.heal()
    await receiving
    publisher._at_most = LONG  # closing has the same limit


async def publishes(publisher: KafkaPublisher, events: Sequence[Event]) -> bool:
    report = await publisher.publish(events)
    assert report.rejected == {}
    return not report.unreached
