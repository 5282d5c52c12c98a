"""Write messages to one topic."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.errors import KafkaError

from adapters.kafka.connection import KafkaConnection, reach, reason_of
from adapters.kafka.producer import Producer
from adapters.kafka.topics import create_missing_topics
from application.errors import BrokerUnavailable
from application.ports.events import Delivery, Placement

#: How long the broker may take to store one batch.
_BATCH_SECONDS: Final = 30.0
_BATCH: Final = 500
#: How long a new topic may take to become usable, and how often to check.
_TOPIC_SECONDS: Final = 10.0
_CHECK_SECONDS: Final = 0.05


class TopicWriter:
    """Writes messages to one topic, in order, with any key and any headers."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def write(self, messages: Sequence[Delivery]) -> Sequence[Placement]:
        """Store all messages and return their placements.

        Raises:
            BrokerUnavailable: the broker hasn't stored all of them.
        """
        placements: list[Placement] = []
        try:
            for start in range(0, len(messages), _BATCH):
                async with asyncio.timeout(_BATCH_SECONDS):
                    placements += await self._write(messages[start : start + _BATCH])
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable(reason_of(error)) from error
        return placements

    async def _write(self, messages: Sequence[Delivery]) -> Sequence[Placement]:
        sent = []
        for message in messages:
            partition = self._producer.partition_of(self._topic, message.key)
            sent.append(await self._producer.send(self._topic, partition, message))
        stored = [await each for each in sent]
        return [Placement(each.partition, each.offset) for each in stored]


@asynccontextmanager
async def open_topic(
    connection: KafkaConnection, topic: str, partitions: int
) -> AsyncIterator[TopicWriter]:
    """Return a writer for a topic, and create the topic with this many partitions if necessary.

    The prefix is not added to the name.

    Raises:
        BrokerUnavailable: the broker isn't responding, or the topic can't be used.
    """
    await reach(connection)
    refusals = await create_missing_topics(connection, {topic: partitions})
    if refusals:
        raise BrokerUnavailable(f"the topic {topic} cannot be created: {refusals[topic]}")
    try:
        producer = await Producer.started(connection)
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(reason_of(error)) from error
    try:
        await _until_usable(producer, topic)
        yield TopicWriter(producer, topic)
    except BaseException:
        # Otherwise `stop` would wait for messages that the broker doesn't acknowledge.
        producer.discard()
        raise
    finally:
        await producer.stop()


async def _until_usable(producer: Producer, topic: str) -> None:
    problem: str | None = None
    try:
        async with asyncio.timeout(_TOPIC_SECONDS):
            while problem := await producer.problem_with(topic):  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(_CHECK_SECONDS)
    except TimeoutError:
        raise BrokerUnavailable(f"the topic {topic}: {problem}") from None
