"""Messages from Kafka."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from adapters.kafka.connection import KafkaConnection, reach, reason_of, unhurried
from adapters.kafka.consumer import Records, dismiss, joined, poll, poll_one_by_one
from adapters.kafka.topics import ensure_topics
from application.cancellation import heed_cancellation
from application.ports.events import Delivery
from application.progress import beat

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
        self._received = _Received()
        self._pause = _FIRST
        self._complained = False
        self._is_careful = False

    async def ping(self) -> None:
        """See that the broker answers.

        Raises:
            BrokerUnavailable: it does not.
        """
        await reach(self._connection)

    async def receive(self) -> Sequence[Delivery]:
        """The next messages, at least one; waits for them, also while the broker is away."""
        while True:
            heed_cancellation()
            beat()
            try:
                records = await self._poll(await self._member())
            except Exception as error:  # noqa: BLE001 - whatever broke it, a fresh one is made
                await self._begin_again(error)
                continue
            self._rejoice()
            if records:
                self._received.add(records)
                return [_delivery(record) for some in records.values() for record in some]

    async def commit(self) -> None:
        """Say that all that was received is dealt with, and need not come again.

        What was lost to another member in the meantime is not spoken of: it comes again there.
        """
        if self._consumer is not None and self._received.offsets:
            try:
                await self._received.commit(self._consumer)
            except (CommitFailedError, IllegalStateError) as error:
                logger.info("messages will come again: %s", error)
            except KafkaError as error:
                await self._begin_again(error)
            self._received.forget()

    async def lag(self) -> Mapping[int, int]:
        """By partition of ours, how many messages are not committed; none while Kafka is away."""
        lag: dict[int, int] = {}
        if (consumer := self._consumer) is not None:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(_LAG):
                    ends = await consumer.end_offsets(consumer.assignment())
                    for partition, end in ends.items():
                        position = await consumer.position(partition)
                        begun = self._received.since.get(partition, position)
                        lag[partition.partition] = max(0, end - begun)
        return lag

    async def close(self) -> None:
        """Leave the group, at once."""
        self._received.forget()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await dismiss(consumer)

    async def _member(self) -> AIOKafkaConsumer:
        return self._consumer or await unhurried(self._join())

    async def _join(self) -> AIOKafkaConsumer:
        await reach(self._connection)
        if self._prepare is not None:
            await self._prepare(self._connection)
            self._prepare = None
        self._consumer = await joined(self._connection, self._topic, self._group, self._received)
        return self._consumer

    async def _poll(self, consumer: AIOKafkaConsumer) -> Records:
        if not self._is_careful:
            return await poll(consumer)
        records, found = await poll_one_by_one(consumer)
        self._is_careful = not found
        return records

    async def _begin_again(self, error: Exception) -> None:
        self._is_careful = isinstance(error, UnicodeDecodeError)
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


class _Received:
    """What was handed out and is not committed, of the partitions that are ours."""

    def __init__(self) -> None:
        self.since: dict[TopicPartition, int] = {}
        self.offsets: dict[TopicPartition, int] = {}
        self._committing: asyncio.Timeout | None = None

    def add(self, records: Records) -> None:
        for partition, some in records.items():
            self.since.setdefault(partition, some[0].offset)
            self.offsets[partition] = some[-1].offset + 1

    def forget(self) -> None:
        self.since.clear()
        self.offsets.clear()

    async def commit(self, consumer: AIOKafkaConsumer) -> None:
        """Commit, unless the partitions are taken away meanwhile.

        aiokafka repeats a commit that it could not send, and the broker would believe it of any
        member, whoever the partition belongs to by then.
        """
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(None) as self._committing:
                    await consumer.commit(dict(self.offsets))
        finally:
            self._committing = None

    # The library's names, for a `ConsumerRebalanceListener`.

    def on_partitions_revoked(self, _revoked: Collection[TopicPartition]) -> None:
        """All of them go, and some may come back, with all that is not committed."""
        self.forget()
        if self._committing is not None and not self._committing.expired():
            self._committing.reschedule(0)

    def on_partitions_assigned(self, _assigned: Collection[TopicPartition]) -> None:
        """Nothing to do: reading goes on from what is committed."""


ConsumerRebalanceListener.register(_Received)


def _delivery(record: ConsumerRecord) -> Delivery:
    headers = {name: _text(value) for name, value in record.headers}
    return Delivery(record.key, record.value or b"", headers)


def _text(value: Any) -> str:
    return (value or b"").decode(errors="replace")
