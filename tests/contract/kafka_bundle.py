"""The Kafka adapters for the contract suites.

The broker is shared, so each test uses its own topics and groups.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import pytest

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.publisher import KafkaPublisher
from adapters.kafka.source import KafkaSource
from adapters.kafka.stored_records import KafkaStoredRecords
from application.documents import Event
from application.ports.events import Delivery, EventSource, Placement
from application.ports.stored_records import StoredRecords
from domain.ids import EventId
from tests.contract.bundles import Bus, Logs
from tests.integration.kafka_tools import TOPIC, Kafka, kafka_at
from tests.servers.plugin import Shared
from tests.support.deadlines import LONG
from tests.support.messages import ENCODER
from tests.support.storage_actions import acknowledged


@asynccontextmanager
async def published_to_kafka(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    server: Shared = request.getfixturevalue("kafka_server")
    connection = KafkaConnection(server.bootstrap, topic_prefix=f"{uuid4().hex}.")
    async with AsyncExitStack() as stack:
        publisher = KafkaPublisher(connection, ENCODER, at_most=LONG)
        stack.push_async_callback(publisher.close)

        async def listen(topic: str) -> EventSource:
            source = KafkaSource(connection, topic, uuid4().hex)
            stack.push_async_callback(source.close)
            return source

        yield Bus(publisher, listen)


class KafkaLogs:
    """`Logs` on Kafka."""

    def __init__(self, kafka: Kafka, records: KafkaStoredRecords) -> None:
        self.records: StoredRecords = records
        self._kafka = kafka
        self._publisher = kafka.publisher()

    async def publish(self, events: Sequence[Event]) -> Mapping[EventId, Placement]:
        report = await self._publisher.publish(events)
        assert acknowledged(report) == [event.id for event in events]
        return report.acknowledged

    async def write(self, message: Delivery) -> None:
        headers = [*message.headers]
        await self._kafka.write({"key": message.key, "value": message.value, "headers": headers})

    async def remove_before(self, offset: int) -> None:
        await self._kafka.remove_before(offset)

    async def empty(self) -> None:
        await self._kafka.delete_topic(TOPIC)
        await self._kafka.make_topic(TOPIC, 1)


@asynccontextmanager
async def stored_in_kafka(request: pytest.FixtureRequest) -> AsyncIterator[Logs]:
    server: Shared = request.getfixturevalue("kafka_server")
    async with kafka_at(server.bootstrap) as kafka:
        await kafka.make_topic(TOPIC, 1)
        yield KafkaLogs(kafka, kafka.records())
