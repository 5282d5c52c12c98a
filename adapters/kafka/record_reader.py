"""Reading the records of a consumer, including those that cannot be decoded."""

import asyncio
from collections.abc import Sequence
from traceback import walk_tb
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords

from adapters.kafka.uncommitted import Uncommitted
from application.ports.events import Delivery, Placement

#: Messages that are received together.
_BATCH: Final = 200
#: Milliseconds that one call waits for messages.
_POLL_MS: Final = 1_000
#: Attempts to decode a record before a defective delivery takes its place. Each attempt fetches the
#: record again.
_ATTEMPTS: Final = 3
#: Rounds of reading single records after a failure, and the seconds between two empty ones.
_CAREFUL_ROUNDS: Final = 50
_ROUND_SECONDS: Final = 0.05
#: The function that fails for an undecodable record. The class of the error does not show it,
#: because each decoder raises its own.
_DECODING: Final = PartitionRecords._unpack_records.__code__  # noqa: SLF001 - has no public name


class Stalled(Exception):
    """The consumer does not fetch any more, which aiokafka reports nowhere (its issue 983)."""


class RecordReader:
    """Reads fetched records of a consumer, and notes them as uncommitted.

    One record that cannot be decoded (a corrupt batch, an unknown codec, a header name that is not
    UTF-8) fails every call that includes it. So no call takes records of two partitions, and after
    a failure records are read one by one, until the place of the failure is known.
    """

    def __init__(self, consumer: AIOKafkaConsumer, uncommitted: Uncommitted) -> None:
        self._consumer = consumer
        self._uncommitted = uncommitted
        self._careful_rounds = 0
        #: By partition, the offset that could not be decoded, and how often.
        self._failures: dict[TopicPartition, tuple[int, int]] = {}
        self._turn = 0

    async def read(self) -> Sequence[Delivery]:
        """Return fetched messages, in order within a partition; wait a little for some.

        Raises:
            KafkaError: the broker gives none to this member.
            Stalled: likewise, by the library's fault.
        """
        if self._consumer._fetcher.error_future.done():  # noqa: SLF001 - has no public name
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
        """Return at most one message, of any partition, so that no failure drops another."""
        try:
            fetched = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=1)
        except Exception as error:  # noqa: BLE001 - all but those of a record are raised again
            self._note_failure(error)
            return []
        return [
            each for partition in fetched for each in self._taken(partition, fetched[partition])
        ]

    async def _read_carefully(self) -> list[Delivery]:
        """Return at most one message of each partition."""
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
        except Exception as error:  # noqa: BLE001 - as above
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
        """Read carefully from now on, unless the failure is not about a record."""
        if not _is_about_record(error):
            raise error
        self._careful_rounds = _CAREFUL_ROUNDS

    async def _replace(self, partition: TopicPartition, error: Exception) -> list[Delivery]:
        """Return a delivery that stands for the next record, after enough attempts."""
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
        """Return the assigned partitions; each comes first once, so that none starves."""
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
