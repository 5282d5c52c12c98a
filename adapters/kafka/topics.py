"""Create topics: those that the service publishes to, and others by name."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from adapters.kafka.connection import KafkaConnection, reach, reason_of
from adapters.kafka.partitions import PARTITIONS
from application.errors import BrokerUnavailable

logger = logging.getLogger(__name__)

_REPLICAS: Final = 3
_TIMEOUT_SECONDS: Final = 5.0
#: How often to check for created topics, and how long to wait in between.
_CHECKS, _CHECK_SECONDS = 20, 0.05


async def ensure_topics(connection: KafkaConnection) -> None:
    """Create missing topics. Any number of processes can do this concurrently.

    Existing topics are not changed. If the broker doesn't allow creating a topic, a warning is
    logged.

    Raises:
        BrokerUnavailable: the broker isn't responding.
    """
    await reach(connection)
    partitions = {connection.name(name): count for name, count in PARTITIONS.items()}
    refusals = await create_missing_topics(connection, partitions)
    if refusals:
        missing, why = ", ".join(refusals), next(iter(refusals.values()))
        logger.warning("cannot create the missing topics %s: %s", missing, why)


async def create_missing_topics(
    connection: KafkaConnection, partitions: Mapping[str, int]
) -> Mapping[str, str]:
    """Create the missing topics out of these, given the number of partitions by full name.

    Return the topics that the broker doesn't allow creating, with the reasons.

    Raises:
        BrokerUnavailable: the broker isn't responding.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await _create_missing(connection, partitions)
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(f"Creating the Kafka topics failed: {reason_of(error)}") from error


async def _create_missing(
    connection: KafkaConnection, partitions: Mapping[str, int]
) -> dict[str, str]:
    timeout = round(_TIMEOUT_SECONDS * 1000)
    admin = AIOKafkaAdminClient(**connection.arguments(), request_timeout_ms=timeout)
    try:
        await admin.start()
        missing = await _missing(admin, partitions)
        if not missing:
            return {}
        brokers = len((await admin.describe_cluster())["brokers"])
        plans = [_plan(name, partitions[name], brokers) for name in missing]
        answer = await admin.create_topics(plans)
        refusals = _refusals(answer.topic_errors)
        await _until_visible(admin, partitions, refusals.keys())
        return refusals
    finally:
        await admin.close()


async def _missing(admin: AIOKafkaAdminClient, topics: Collection[str]) -> list[str]:
    # List all topics, because requesting a missing one would create it on some clusters.
    there = set(await admin.list_topics())
    return [name for name in topics if name not in there]


async def _until_visible(
    admin: AIOKafkaAdminClient, topics: Collection[str], refused: Collection[str]
) -> None:
    """Wait a moment, because new topics don't appear on all brokers immediately."""
    for _ in range(_CHECKS):
        if set(await _missing(admin, topics)) <= set(refused):
            return
        await asyncio.sleep(_CHECK_SECONDS)


def _plan(name: str, partitions: int, brokers: int) -> NewTopic:
    """Plan a topic with up to three replicas. With three, two are left if a broker is lost."""
    replicas = min(_REPLICAS, brokers)
    return NewTopic(
        name,
        partitions,
        replicas,
        topic_configs={"min.insync.replicas": str(max(1, replicas - 1))},
    )


def _refusals(answers: Iterable[tuple[Any, ...]]) -> dict[str, str]:
    refusals = {}
    for topic, code, *message in answers:
        error = for_code(code)
        if error.retriable:
            raise error(topic)
        if code and error is not TopicAlreadyExistsError:
            refusals[topic] = next(filter(None, message), error.__name__)
    return refusals
