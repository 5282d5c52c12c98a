"""Messages from Kafka."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from adapters.kafka.connection import KafkaConnection, reach, reason_of, with_generous_deadlines
from adapters.kafka.consumer import dismiss, joined
from adapters.kafka.record_reader import RecordReader
from adapters.kafka.topics import ensure_topics
from adapters.kafka.uncommitted import Uncommitted
from application.ports.events import Delivery
from libraries.asyncio_tools.cancellation import raise_if_cancelled
from libraries.asyncio_tools.heartbeat import beat

logger = logging.getLogger(__name__)

#: Seconds between two attempts to reach the broker: at first, and at last.
_FIRST, _LONGEST = 0.25, 2.0
#: Seconds that a question about the lag may take.
_LAG: Final = 1.0

Prepare: TypeAlias = Callable[[KafkaConnection], Awaitable[None]]


class KafkaSource:
    """Receives one topic as a member of a group, which shares the topic's partitions.

    What was received and not committed comes again, to whoever has its partition then: after a
    rebalance, a crash, a commit that did not go through. `prepare` is called once, as soon as
    the broker is there.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        group: str,
        *,
        prepare: Prepare = ensure_topics,
    ) -> None:
        self._connection = connection
        self._topic = connection.name(topic)
        self._group = connection.name(group)
        self._prepare: Prepare | None = prepare
        self._consumer: AIOKafkaConsumer | None = None
        self._reader: RecordReader | None = None
        self._uncommitted = Uncommitted()
        self._pause = _FIRST
        self._complained = False

    async def ping(self) -> None:
        """See that the broker answers.

        Raises:
            BrokerUnavailable: it does not.
        """
        await reach(self._connection)

    async def receive(self) -> Sequence[Delivery]:
        """Return the messages after the committed ones, at least one; wait for them.

        It waits also while the broker is away.
        """
        while True:
            raise_if_cancelled()
            beat()
            try:
                consumer, reader = await self._member()
                self._uncommitted.rewind(consumer)
                deliveries = await reader.read()
            except Exception as error:  # noqa: BLE001 - whatever broke it, a fresh one is made
                await self._begin_again(error)
                continue
            self._rejoice()
            if deliveries:
                return deliveries

    async def commit(self) -> None:
        """Say that all that was received is dealt with, and need not come again.

        What was lost to another member in the meantime is not spoken of: it comes again there.
        """
        if self._consumer is not None and self._uncommitted:
            try:
                await self._uncommitted.commit(self._consumer)
            except (CommitFailedError, IllegalStateError) as error:
                logger.info("messages will come again: %s", error)
            except KafkaError as error:
                await self._begin_again(error)
            self._uncommitted.forget()

    async def lag(self) -> Mapping[int, int]:
        """By partition of ours, how many messages are not committed; none while Kafka is away."""
        lag: dict[int, int] = {}
        if (consumer := self._consumer) is not None:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(_LAG):
                    ends = await consumer.end_offsets(consumer.assignment())
                    for partition, end in ends.items():
                        position = await consumer.position(partition)
                        begun = self._uncommitted.since.get(partition, position)
                        lag[partition.partition] = max(0, end - begun)
        return lag

    async def close(self) -> None:
        """Leave the group, at once."""
        self._uncommitted.forget()
        consumer, self._consumer, self._reader = self._consumer, None, None
        if consumer is not None:
            await dismiss(consumer)

    async def _member(self) -> tuple[AIOKafkaConsumer, RecordReader]:
        if self._consumer is None or self._reader is None:
            return await with_generous_deadlines(self._join())
        return self._consumer, self._reader

    async def _join(self) -> tuple[AIOKafkaConsumer, RecordReader]:
        await reach(self._connection)
        if self._prepare is not None:
            await self._prepare(self._connection)
            self._prepare = None
        consumer = await joined(self._connection, self._topic, self._group, self._uncommitted)
        reader = RecordReader(consumer, self._uncommitted)
        self._consumer, self._reader = consumer, reader
        return consumer, reader

    async def _begin_again(self, error: Exception) -> None:
        self._complain(error)
        await self.close()
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, _LONGEST)

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            logger.warning("no messages from Kafka: %s", reason_of(error))
        self._complained = True

    def _rejoice(self) -> None:
        if self._complained:
            logger.warning("messages from Kafka again")
        self._complained = False
        self._pause = _FIRST
