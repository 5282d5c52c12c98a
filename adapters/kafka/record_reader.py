"""Read a consumer's records, including those that can't be decoded."""

import asyncio
from collections.abc import Sequence
from traceback import walk_tb
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords

from adapters.kafka.uncommitted import Uncommitted
from application.ports.events import Delivery, Placement

#: The maximum number of messages received together.
_BATCH: Final = 200
#: How long a call waits for messages.
_POLL_MS: Final = 1_000
#: How often to try to decode a record before replacing it with a defective delivery. The record is
#: fetched again for each attempt.
_ATTEMPTS: Final = 3
#: How many rounds to read records one by one after a failure, and how long to wait after a round
#: that returned nothing.
_CAREFUL_ROUNDS: Final = 50
_ROUND_SECONDS: Final = 0.05
#: The function that fails if a record can't be decoded. It has to be identified this way because
#: every decoder raises a different exception class.
_DECODING: Final = PartitionRecords._unpack_records.__code__  # noqa: SLF001 - isn't public


class Stalled(Exception):
    """The consumer has stopped fetching. aiokafka doesn't report this (see its issue 983)."""


class RecordReader:
    """Reads fetched records from a consumer and adds them to the uncommitted ones.

    If a record can't be decoded (for example, because of a corrupt batch, an unknown codec or a
    header name that isn't UTF-8), every call that includes it fails. That's why a call never
    combines records from two partitions. After a failure, records are read one by one until the
    failing one has been found.
    """

    def __init__(self, consumer: AIOKafkaConsumer, uncommitted: Uncommitted) -> None:
        self._consumer = consumer
        self._uncommitted = uncommitted
        self._careful_rounds = 0
        #: For each partition, the offset that could not be decoded and the number of attempts.
        self._failures: dict[TopicPartition, tuple[int, int]] = {}
        self._turn = 0

    async def read(self) -> Sequence[Delivery]:
        """Return fetched messages in order within each partition. Wait a moment for new ones.

        Raises:
            KafkaError: the broker doesn't return any messages to this member.
            Stalled: the library has stopped fetching messages.
        """
        if self._consumer._fetcher.error_future.done():  # noqa: SLF001 - isn't public
            raise Stalled("the consumer does not fetch any more")
        if self._careful_rounds:
            return await self._read_carefully()
        deliveries = await self._wait_for_one()
        for partition in self._partitions_in_turn():
            if (room := _BATCH - len(deliveries)) <= 0:
                break
            deliveries += await self._read_partition(partition, room)
        return deliveries

    async def _wait_for_one(self) -> list[Delivery]:
        """Return at most one message from any partition, so a failure can't drop others."""
        try:
            fetched = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=1)
        except Exception as error:  # noqa: BLE001 - raised again unless it's about a record
            self._note_failure(error)
            return []
        return [
            each for partition in fetched for each in self._taken(partition, fetched[partition])
        ]

    async def _read_carefully(self) -> list[Delivery]:
        """Return at most one message from each partition."""
        self._careful_rounds -= 1
        deliveries = []
        for partition in self._partitions_in_turn():
            deliveries += await self._read_partition(partition, 1)
        if not deliveries:
            await asyncio.sleep(_ROUND_SECONDS)
        return deliveries

    async def _read_partition(self, partition: TopicPartition, limit: int) -> list[Delivery]:
        try:
            fetched = await self._consumer.getmany(partition, max_records=limit)
        except Exception as error:  # noqa: BLE001 - see above
            self._note_failure(error)
            return await self._replace(partition, error) if limit == 1 else []
        return self._taken(partition, fetched.get(partition, ()))

    def _taken(
        self, partition: TopicPartition, records: Sequence[ConsumerRecord]
    ) -> list[Delivery]:
        deliveries = [_delivery(record) for record in records]
        if records:
            first, last = records[0].offset, records[-1].offset
            self._uncommitted.add(partition, first, last)
            self._failures.pop(partition, None)
        return deliveries

    def _note_failure(self, error: Exception) -> None:
        """Start reading records one by one. Raise the error if it isn't about a record."""
        if not _is_about_record(error):
            raise error
        self._careful_rounds = _CAREFUL_ROUNDS

    async def _replace(self, partition: TopicPartition, error: Exception) -> list[Delivery]:
        """Return a defective delivery in place of the next record after enough attempts."""
        offset = await self._consumer.position(partition)
        known, attempts = self._failures.get(partition, (offset, 0))
        attempts = attempts + 1 if known == offset else 1
        self._failures[partition] = (offset, attempts)
        if attempts < _ATTEMPTS:
            return []
        placement = Placement(partition.partition, offset)
        self._consumer.seek(partition, offset + 1)
        self._uncommitted.add(partition, offset, offset)
        return [_defective(partition.topic, placement, error)]

    def _partitions_in_turn(self) -> list[TopicPartition]:
        """Return the assigned partitions, rotated by one each time to avoid starvation."""
        partitions = sorted(self._consumer.assignment())
        self._turn += 1
        first = self._turn % (len(partitions) or 1)
        return partitions[first:] + partitions[:first]


def _is_about_record(error: Exception) -> bool:
    return any(frame.f_code is _DECODING for frame, _ in walk_tb(error.__traceback__))


def _delivery(record: ConsumerRecord) -> Delivery:
    placement = Placement(record.partition, record.offset)
    return Delivery(record.key, record.value, record.headers, placement)


def _defective(topic: str, placement: Placement, error: Exception) -> Delivery:
    where = f"{topic}, partition {placement.log}, offset {placement.offset}"
    why = f"{type(error).__name__}: {error}"
    return Delivery(None, None, (), placement, f"the record at {where} cannot be decoded: {why}")
