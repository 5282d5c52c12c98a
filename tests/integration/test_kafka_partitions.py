"""Two brokers, one of which leads a single partition and is killed or frozen."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import DefaultPartitioner

from application.documents import Event
from application.errors import BrokerUnavailable
from tests.integration.kafka_tools import TOPIC, Kafka, kafka_at, new_orders, publish_all
from tests.servers.kafka import Kafka as KafkaProgram
from tests.servers.kafka import SecondBroker
from tests.servers.lookup import skip_or_fail
from tests.servers.process import LocalServer
from tests.servers.server import Kind, Unavailable
from tests.support.deadlines import LONG
from tests.support.messages import message_of

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

PARTITIONS = range(6)
#: The second broker leads this partition.
LAST = PARTITIONS[-1]


@dataclass(frozen=True)
class Brokers:
    first: LocalServer
    second: LocalServer


@pytest.fixture(scope="module")
def brokers() -> Iterator[Brokers]:
    try:
        first = LocalServer(KafkaProgram())
    except Unavailable as missing:
        skip_or_fail(Kind.KAFKA, str(missing), os.environ)
    second = LocalServer(SecondBroker(first.controller_port))
    try:
        first.start()
        second.start()
        yield Brokers(first, second)
    finally:
        second.close()
        first.close()


@pytest.fixture
async def kafka(brokers: Brokers) -> AsyncIterator[Kafka]:
    async with kafka_at(brokers.first.url) as kafka:
        admin = AIOKafkaAdminClient(bootstrap_servers=brokers.first.url)
        await admin.start()
        leaders = {partition: [2 if partition == LAST else 1] for partition in PARTITIONS}
        topic = NewTopic(kafka.connection.name(TOPIC), -1, -1, replica_assignments=leaders)
        try:
            await admin.create_topics([topic])
        finally:
            await admin.close()
        yield kafka


def partition_of(event: Event) -> int:
    partition: int = DefaultPartitioner()(message_of(event).key, list(PARTITIONS), None)
    return partition


async def copies(kafka: Kafka) -> Counter[bytes]:
    return Counter(dict(message.headers)["ce_id"] for message in await kafka.read_all())


async def test_a_partition_without_a_leader_does_not_affect_the_others(
    brokers: Brokers, kafka: Kafka
) -> None:
    publisher = kafka.publisher()
    sent = new_orders(30)
    await publish_all(publisher, sent)
    brokers.second.kill()
    try:
        waiting: list[Event] = []
        producers = []
        for _ in range(4):
            events = new_orders(30)
            sent += events
            report = await publisher.publish([*waiting, *events])
            healthy = [event for event in events if partition_of(event) != LAST]
            waiting += [event for event in events if partition_of(event) == LAST]
            assert list(report.acknowledged) == [event.id for event in healthy]
            assert list(report.unreached) == [event.id for event in waiting]
            assert all(f"partition {LAST} of" in reason for reason in report.unreached.values())
            assert report.rejected == {}
            producers.append(publisher._producer)
        # Events for an unreachable partition aren't sent. This avoids gaps in the sequences, and
        # the producer can be kept. Only the first attempt may have used the dead connection.
        assert producers[1] is not None
        assert set(producers[1:]) == {producers[1]}
        placements = {placement.log for placement in report.acknowledged.values()}
        assert LAST not in placements
    finally:
        brokers.second.start()
    await publish_all(publisher, waiting)
    counted = await copies(kafka)
    assert counted == {str(event.id).encode(): 1 for event in sent}


async def test_a_frozen_leader_does_not_affect_other_partitions(
    brokers: Brokers, kafka: Kafka
) -> None:
    publisher = kafka.publisher()
    await publish_all(publisher, new_orders(30))
    publisher._at_most = 3.0
    brokers.second.pause()
    try:
        events = new_orders(30)
        report = await publisher.publish(events)
        healthy = [event.id for event in events if partition_of(event) != LAST]
        assert list(report.acknowledged) == healthy
        assert list(report.unreached) == [e.id for e in events if partition_of(e) == LAST]
        assert report.rejected == {}
    finally:
        brokers.second.resume()
    publisher._at_most = LONG
    await publish_all(publisher, [event for event in events if event.id in report.unreached])
    counted = await copies(kafka)
    assert {str(event.id).encode() for event in events} <= set(counted)
    assert all(counted[str(event_id).encode()] == 1 for event_id in healthy)


async def test_records_of_a_partition_without_a_leader_are_not_taken_for_missing(
    brokers: Brokers, kafka: Kafka
) -> None:
    await publish_all(kafka.publisher(), new_orders(30))
    brokers.second.kill()
    try:
        records = kafka.records()
        with pytest.raises(BrokerUnavailable):
            await records.read(TOPIC, LAST, [0])
        assert (await records.read(TOPIC, 0, [0])).records
    finally:
        brokers.second.start()
    assert (await records.read(TOPIC, LAST, [0])).records
