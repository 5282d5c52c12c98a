"""Check whether Kafka can store all events and deliver all orders."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from aiokafka.errors import NoError, for_code

from adapters.kafka.connection import KafkaConnection, Metadata, greet, reach
from adapters.kafka.partitions import PARTITIONS
from application.errors import BrokerUnavailable

#: How long a server may take to respond. Waiting twice has to fit into a readiness check's time
#: limit because otherwise the check couldn't report which server isn't responding.
_ANSWER_SECONDS: Final = 0.45


async def ensure_ready(connection: KafkaConnection) -> None:
    """Check that our topics exist and that all brokers are reachable at their advertised address.

    Raises:
        BrokerUnavailable: there are problems. The message lists all of them.
    """
    topics = [connection.name(topic) for topic in PARTITIONS]
    metadata = await reach(connection, topics, _ANSWER_SECONDS)
    problems = [*await _unreached(metadata, connection), *_problems_of_topics(metadata)]
    if problems:
        raise BrokerUnavailable("; ".join(problems))


async def _unreached(metadata: Metadata, connection: KafkaConnection) -> list[str]:
    others = [each for each in metadata.brokers if each != metadata.server]
    reasons = await asyncio.gather(
        *(greet(host, port, connection, _ANSWER_SECONDS) for host, port in others)
    )
    return [f"Kafka advertises a broker out of reach: {reason}" for reason in reasons if reason]


def _problems_of_topics(metadata: Metadata) -> Iterator[str]:
    for code, topic, *_, partitions in metadata.topics:
        if for_code(code) is not NoError:
            yield f"topic {topic}: {for_code(code).__name__}"
        leaderless = [str(each[1]) for each in partitions if _is_leaderless(each)]
        if leaderless:
            yield f"topic {topic} has no leader of partition {', '.join(leaderless)}"


def _is_leaderless(partition: Any) -> bool:
    return bool(partition[2] == -1)
