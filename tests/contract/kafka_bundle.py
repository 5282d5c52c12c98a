"""The Kafka adapters for the contract suites.

The broker is shared, so each test uses its own topics and groups.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import pytest

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.publisher import KafkaPublisher
from adapters.kafka.source import KafkaSource
from application.ports.events import EventSource
from tests.contract.bundles import Bus
from tests.servers.plugin import Shared
from tests.support.deadlines import LONG
from tests.support.messages import ENCODER


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
