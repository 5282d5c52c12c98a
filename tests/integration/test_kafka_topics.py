import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.partitions import PARTITIONS
from adapters.kafka.topics import ensure_topics
from application.errors import BrokerUnavailable
from tests.integration.kafka_tools import TOPIC, kafka_at, no_tasks_left, with_random_prefix
from tests.servers.plugin import Shared
from tests.servers.ports import HOST

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


async def existing_partitions(connection: KafkaConnection) -> dict[str, int]:
    async with _admin(connection) as admin:
        topics = await admin.describe_topics()
    return {
        topic["topic"].removeprefix(connection.topic_prefix): len(topic["partitions"])
        for topic in topics
        if topic["topic"].startswith(connection.topic_prefix)
    }


async def setting(connection: KafkaConnection, topic: str, name: str) -> str:
    resource = ConfigResource(ConfigResourceType.TOPIC, connection.name(topic), {name: ""})
    async with _admin(connection) as admin:
        [answer] = await admin.describe_configs([resource])
    [(_, value, *_)] = answer.resources[0][4]
    return str(value)


class _admin:  # noqa: N801 - used as a function
    def __init__(self, connection: KafkaConnection) -> None:
        self._client = AIOKafkaAdminClient(**connection.arguments())

    async def __aenter__(self) -> Any:
        await self._client.start()
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()


async def test_missing_topics_are_created_by_concurrent_calls(kafka_server: Shared) -> None:
    connection = with_random_prefix(kafka_server.bootstrap)
    async with no_tasks_left():
        await asyncio.gather(*(ensure_topics(connection) for _ in range(4)))
        await ensure_topics(connection)
    assert (
        await existing_partitions(connection)
        == PARTITIONS
        == {
            "new_order": 6,
            "order_status_changed": 6,
            "order_processed": 6,
            "new_order.dlq": 1,
        }
    )
    assert await setting(connection, "new_order", "min.insync.replicas") == "1"


async def test_an_existing_topic_is_not_changed(kafka_server: Shared) -> None:
    async with kafka_at(kafka_server.bootstrap) as kafka:
        await kafka.make_topic(TOPIC, 2, retention_ms="12345")
        await ensure_topics(kafka.connection)
        assert await existing_partitions(kafka.connection) == {**PARTITIONS, TOPIC: 2}
        assert await setting(kafka.connection, TOPIC, "retention.ms") == "12345"


async def test_a_forbidden_topic_is_logged_once(
    kafka_server: Shared, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "adapters.kafka")
    connection = replace(with_random_prefix(kafka_server.bootstrap), topic_prefix="not allowed ")
    await ensure_topics(connection)
    [warning] = [r.getMessage() for r in caplog.records if r.name.startswith("adapters.")]
    assert all(connection.name(topic) in warning for topic in PARTITIONS)
    assert "contains one or more characters other than" in warning


async def test_creating_topics_without_a_broker_raises() -> None:
    async with no_tasks_left():
        with pytest.raises(BrokerUnavailable, match="Connection refused"):
            await ensure_topics(KafkaConnection(f"{HOST}:1"))
