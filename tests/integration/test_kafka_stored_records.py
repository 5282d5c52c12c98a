"""Reading records by their offsets from partitions with gaps, and while records are removed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from adapters.kafka import stored_records
from adapters.kafka.connection import KafkaConnection
from adapters.kafka.stored_records import KafkaStoredRecords
from application.errors import BrokerUnavailable
from application.ports.stored_records import LogExcerpt, StoredRecord
from tests.integration.kafka_tools import TOPIC, Kafka, kafka_at
from tests.servers.plugin import Shared
from tests.servers.ports import HOST
from tests.support.deadlines import LONG
from tests.support.messages import DECODER

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


@pytest.fixture
async def kafka(kafka_server: Shared) -> AsyncIterator[Kafka]:
    async with kafka_at(kafka_server.bootstrap) as kafka:
        await kafka.make_topic(TOPIC, 1)
        yield kafka


async def write_in_transaction(kafka: Kafka, count: int, *, end: int) -> None:
    """Write some messages, and after them the record that ends their transaction.

    The broker writes that record in the background, so wait until the log reaches `end`.
    """
    name = kafka.connection.name(TOPIC)
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.connection.bootstrap_servers, transactional_id=name
    )
    async with producer, producer.transaction():
        for number in range(count):
            await producer.send_and_wait(name, value=b"", key=b"%d" % number)
    records = kafka.records()
    async with asyncio.timeout(LONG):
        while (await records.read(TOPIC, 0, [0])).end < end:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.05)


async def test_offsets_without_a_record_are_left_out(kafka: Kafka) -> None:
    await write_in_transaction(kafka, 2, end=3)
    await kafka.write({"key": b"after", "value": b""})
    await write_in_transaction(kafka, 1, end=6)
    records = kafka.records()
    assert await records.read(TOPIC, 0, list(range(7))) == LogExcerpt(
        0,
        6,
        {
            0: StoredRecord(b"0"),
            1: StoredRecord(b"1"),
            3: StoredRecord(b"after"),
            4: StoredRecord(b"0"),
        },
    )
    assert await records.read(TOPIC, 0, [2, 5]) == LogExcerpt(0, 6, {})


async def test_a_record_that_cannot_be_decoded_has_no_parts(kafka: Kafka) -> None:
    await kafka.write({"key": b"before", "value": b""})
    await kafka.write_unreadable()
    await kafka.write({"key": b"after", "value": b""})
    excerpt = await kafka.records().read(TOPIC, 0, [0, 1, 2])
    assert excerpt.records == {
        0: StoredRecord(b"before"),
        1: StoredRecord(),
        2: StoredRecord(b"after"),
    }


async def test_records_that_are_removed_during_the_read_are_below_the_beginning(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kafka.write(*({"key": b"%d" % number, "value": b""} for number in range(5)))
    deliveries = stored_records._deliveries

    async def removing(*arguments: Any) -> AsyncIterator[Any]:
        await kafka.remove_before(3)
        async for delivery in deliveries(*arguments):
            yield delivery
        await kafka.remove_before(4)

    monkeypatch.setattr(stored_records, "_deliveries", removing)
    excerpt = await kafka.records().read(TOPIC, 0, [0, 1, 2, 3, 4])
    assert excerpt == LogExcerpt(4, 5, {3: StoredRecord(b"3"), 4: StoredRecord(b"4")})


async def test_a_missing_topic_is_not_created(kafka: Kafka) -> None:
    await kafka.records().read("order_processed", 0, [0])
    async with kafka._admin() as admin:
        assert kafka.connection.name("order_processed") not in await admin.list_topics()


async def test_a_forbidden_topic_is_not_taken_for_an_empty_one(kafka: Kafka) -> None:
    with pytest.raises(BrokerUnavailable, match="InvalidTopic"):
        await kafka.records().read("not allowed", 0, [0])


async def test_reading_without_a_broker_raises() -> None:
    records = KafkaStoredRecords(KafkaConnection(f"{HOST}:1"), DECODER)
    with pytest.raises(BrokerUnavailable, match="Connection refused"):
        await records.read(TOPIC, 0, [0])
    await records.close()
