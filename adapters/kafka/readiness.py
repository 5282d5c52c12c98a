"""Whether Kafka can take every event and deliver every order."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from aiokafka.errors import NoError, for_code

from adapters.kafka.connection import KafkaConnection, Metadata, greet, reach
from adapters.kafka.partitions import PARTITIONS
from application.errors import BrokerUnavailable

#: Seconds that a server has to answer. Two in a row are less than a check may take in all, so that
#: one that does not answer can be named.
_ANSWER_SECONDS: Final = 0.45


async def ensure_ready(connection: KafkaConnection) -> None:
    """Check that each broker is reached at its advertised address, and that our topics are there.

    Raises:
        BrokerUnavailable: with each problem.
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
