"""Receive messages from Kafka."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from adapters.kafka.connection import KafkaConnection, reach, reason_of, shielded
from adapters.kafka.consumer import join, leave
from adapters.kafka.record_reader import RecordReader
from adapters.kafka.topics import ensure_topics
from adapters.kafka.uncommitted import Uncommitted
from application.ports.events import Delivery
from libraries.asyncio_tools.cancellation import raise_if_cancelled
from libraries.asyncio_tools.heartbeat import beat

logger = logging.getLogger(__name__)

#: The first and the longest wait before connecting again. The wait doubles after each attempt.
_MIN_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 0.25, 2.0
#: How long to wait for the broker when reading the lag.
_LAG_SECONDS: Final = 1.0

Prepare: TypeAlias = Callable[[KafkaConnection], Awaitable[None]]


class KafkaSource:
    """An `EventSource` for one topic, which is a member of a consumer group.

    After a rebalance, a crash or a failed commit, uncommitted messages are received again by the
    member that their partition has been assigned to. `prepare` is called once, when the broker
    responds for the first time.
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
        self._backoff_seconds = _MIN_BACKOFF_SECONDS
        self._is_failing = False

    async def ping(self) -> None:
        """Check that the broker is responding.

        Raises:
            BrokerUnavailable: the broker isn't responding.
        """
        await reach(self._connection)

    async def receive(self) -> Sequence[Delivery]:
        """Wait for messages after the committed ones and return at least one.

        If the broker is unavailable, this keeps waiting.
        """
        while True:
            raise_if_cancelled()
            beat()
            try:
                consumer, reader = await self._member()
                self._uncommitted.rewind(consumer)
                deliveries = await reader.read()
            except Exception as error:  # noqa: BLE001 - join again after any error
                await self._reset(error)
                continue
            self._log_success()
            if deliveries:
                return deliveries

    async def commit(self) -> None:
        """Commit all received messages.

        If a partition has since been assigned to another member, its messages are not committed,
        and that member receives them again.
        """
        if self._consumer is not None and self._uncommitted:
            try:
                await self._uncommitted.commit(self._consumer)
            except (CommitFailedError, IllegalStateError) as error:
                logger.info("messages will come again: %s", error)
            except KafkaError as error:
                await self._reset(error)
            self._uncommitted.forget()

    async def lag(self) -> Mapping[int, int]:
        """Return the number of uncommitted messages per assigned partition, if Kafka responds."""
        lag: dict[int, int] = {}
        if (consumer := self._consumer) is not None:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(_LAG_SECONDS):
                    ends = await consumer.end_offsets(consumer.assignment())
                    for partition, end in ends.items():
                        position = await consumer.position(partition)
                        first = self._uncommitted.since.get(partition, position)
                        lag[partition.partition] = max(0, end - first)
        return lag

    async def close(self) -> None:
        """Leave the group."""
        self._uncommitted.forget()
        consumer, self._consumer, self._reader = self._consumer, None, None
        if consumer is not None:
            await leave(consumer)

    async def _member(self) -> tuple[AIOKafkaConsumer, RecordReader]:
        if self._consumer is None or self._reader is None:
            return await shielded(self._join())
        return self._consumer, self._reader

    async def _join(self) -> tuple[AIOKafkaConsumer, RecordReader]:
        await reach(self._connection)
        if self._prepare is not None:
            await self._prepare(self._connection)
            self._prepare = None
        consumer = await join(self._connection, self._topic, self._group, self._uncommitted)
        reader = RecordReader(consumer, self._uncommitted)
        self._consumer, self._reader = consumer, reader
        return consumer, reader

    async def _reset(self, error: Exception) -> None:
        self._log_failure(error)
        await self.close()
        await asyncio.sleep(self._backoff_seconds)
        self._backoff_seconds = min(2 * self._backoff_seconds, _MAX_BACKOFF_SECONDS)

    def _log_failure(self, error: Exception) -> None:
        if not self._is_failing:
            logger.warning("no messages from Kafka: %s", reason_of(error))
        self._is_failing = True

    def _log_success(self) -> None:
        if self._is_failing:
            logger.warning("messages from Kafka again")
        self._is_failing = False
        self._backoff_seconds = _MIN_BACKOFF_SECONDS
