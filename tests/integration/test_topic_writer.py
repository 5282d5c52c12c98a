from collections.abc import AsyncIterator

import pytest

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.topic_writer import open_topic
from application.errors import BrokerUnavailable
from application.ports.events import Delivery, Placement
from tests.integration.kafka_tools import Kafka, kafka_at
from tests.servers.plugin import Shared
from tests.servers.ports import HOST

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


@pytest.fixture
async def kafka(kafka_server: Shared) -> AsyncIterator[Kafka]:
    async with kafka_at(kafka_server.bootstrap) as kafka:
        yield kafka


async def test_messages_are_written_unchanged_and_in_order(kafka: Kafka) -> None:
    topic = kafka.connection.name("topic")
    messages = [
        Delivery(b"key", b"value", (("name", b"1"), ("name", None))),
        Delivery(b"key", None),
        Delivery(b"key", b""),
    ]
    async with open_topic(kafka.connection, topic, 6) as writer:
        placements = await writer.write(messages)
    [partition] = {placement.log for placement in placements}
    assert placements == [Placement(partition, offset) for offset in range(3)]
    stored = await kafka.read_all("topic")
    assert [(each.partition, each.offset) for each in stored] == [(partition, n) for n in range(3)]
    assert [Delivery(each.key, each.value, each.headers) for each in stored] == messages


async def test_several_batches_are_written_in_order(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.kafka.topic_writer._BATCH", 2)
    values = [str(number).encode() for number in range(5)]
    async with open_topic(kafka.connection, kafka.connection.name("topic"), 1) as writer:
        placements = await writer.write([Delivery(b"key", value) for value in values])
    assert placements == [Placement(0, offset) for offset in range(5)]
    assert [each.value for each in await kafka.read_all("topic")] == values


async def test_a_topic_that_cannot_be_created_is_an_error(kafka: Kafka) -> None:
    with pytest.raises(BrokerUnavailable, match="the topic not allowed cannot be created: "):
        async with open_topic(kafka.connection, "not allowed", 6):
            pass


async def test_an_unreachable_broker_is_an_error() -> None:
    with pytest.raises(BrokerUnavailable, match="Connection refused"):
        async with open_topic(KafkaConnection(f"{HOST}:1"), "topic", 6):
            pass


async def test_a_message_that_the_broker_rejects_is_an_error(kafka: Kafka) -> None:
    topic = await kafka.make_topic("topic", 1, max_message_bytes="1000")
    with pytest.raises(BrokerUnavailable, match=r"(?i)size|large"):
        async with open_topic(kafka.connection, topic, 6) as writer:
            await writer.write([Delivery(b"key", b"x" * 5000)])
    assert await kafka.read_all("topic") == []


async def test_a_broker_that_does_not_acknowledge_in_time_is_an_error(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.kafka.topic_writer._BATCH_SECONDS", 0.0)
    topic = kafka.connection.name("topic")
    with pytest.raises(BrokerUnavailable, match="no answer"):
        async with open_topic(kafka.connection, topic, 1) as writer:
            await writer.write([Delivery(b"key", b"value")])
