"""Read records from Kafka by their offsets."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, NoError, UnknownTopicOrPartitionError, for_code

from adapters.kafka.connection import KafkaConnection, reach, reason_of, shielded
from adapters.kafka.consumer import leave, start
from adapters.kafka.record_reader import RecordReader, Stalled
from adapters.kafka.uncommitted import Uncommitted
from application.errors import BrokerUnavailable
from application.ports.events import Delivery
from application.ports.stored_records import LogExcerpt, RecordDecoder, StoredRecord

#: How long the broker may take to respond to a request.
_REQUEST_MS: Final = 5_000
#: How long the broker may wait for new records at the end of a partition. The library requests them
#: ahead, and the next partition's requests have to wait on the same connection in the meantime.
_FETCH_WAIT_MS: Final = 10
#: How long to wait for the next record, or for the limits of a partition.
_PROGRESS_SECONDS: Final = 10.0

_NOTHING: Final = LogExcerpt(0, 0, {})


class KafkaStoredRecords:
    """`StoredRecords` for Kafka, with a consumer that isn't in a group and doesn't commit.

    It connects when it is first used. Missing topics are not created.
    """

    def __init__(self, connection: KafkaConnection, decoder: RecordDecoder) -> None:
        self._connection = connection
        self._decoder = decoder
        self._consumer: AIOKafkaConsumer | None = None
        #: The numbers of each topic's partitions.
        self._partitions: dict[str, set[int]] = {}

    async def read(self, topic: str, log: int, offsets: Sequence[int]) -> LogExcerpt:
        """Read a partition's records from the first offset to the last, and return the requested.

        An offset without a record doesn't hold this up. There are gaps where a transaction ended,
        or where a topic has been compacted.
        """
        name = self._connection.name(topic)
        async with self._connected(f"{name}, partition {log}") as consumer:
            if log not in await self._partitions_of(name):
                return _NOTHING
            partition = TopicPartition(name, log)
            begin, end = await _limits(consumer, partition)
            first, stop = max(offsets[0], begin), min(offsets[-1] + 1, end)
            records: dict[int, StoredRecord] = {}
            if first < stop:
                wanted = frozenset(offsets)
                async for delivery in _deliveries(consumer, partition, first, stop):
                    if delivery.placement and (offset := delivery.placement.offset) in wanted:
                        records[offset] = self._decoder.stored_record(topic, delivery)
                begin, _ = await _limits(consumer, partition)
            return LogExcerpt(begin, end, records)

    async def close(self) -> None:
        """Close the connections."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await leave(consumer)

    @asynccontextmanager
    async def _connected(self, what: str) -> AsyncIterator[AIOKafkaConsumer]:
        try:
            if self._consumer is None:
                await shielded(self._connect())
            yield self._consumer
        except (KafkaError, OSError, TimeoutError, Stalled) as error:
            raise BrokerUnavailable(f"{what}: {reason_of(error)}") from error

    async def _connect(self) -> None:
        await reach(self._connection)
        consumer = AIOKafkaConsumer(
            **self._connection.arguments(),
            enable_auto_commit=False,
            # If retention removes the next record, continue with the oldest one.
            auto_offset_reset="earliest",
            request_timeout_ms=_REQUEST_MS,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )
        await start(consumer, self._connection)
        self._consumer = consumer

    async def _partitions_of(self, topic: str) -> set[int]:
        if topic not in self._partitions:
            [(code, _, *_, partitions)] = (await reach(self._connection, [topic])).topics
            error = for_code(code)
            if error not in {NoError, UnknownTopicOrPartitionError}:
                raise BrokerUnavailable(f"topic {topic}: {error.__name__}")
            self._partitions[topic] = {each[1] for each in partitions}
        return self._partitions[topic]


async def _limits(consumer: AIOKafkaConsumer, partition: TopicPartition) -> tuple[int, int]:
    """Return the partition's first offset, and the one that the next record will get."""
    async with asyncio.timeout(_PROGRESS_SECONDS):
        begins = await consumer.beginning_offsets([partition])
        ends = await consumer.end_offsets([partition])
    return begins[partition], ends[partition]


async def _deliveries(
    consumer: AIOKafkaConsumer, partition: TopicPartition, first: int, stop: int
) -> AsyncIterator[Delivery]:
    """Yield the records from `first` up to but not including `stop`, and maybe a few more.

    Raises:
        TimeoutError: the next record has not arrived in time.
    """
    consumer.assign([partition])
    consumer.seek(partition, first)
    reader = RecordReader(consumer, Uncommitted())
    position = first
    while position < stop:
        async with asyncio.timeout(_PROGRESS_SECONDS):
            deliveries = await reader.read()
            while not deliveries and await consumer.position(partition) == position:
                deliveries = await reader.read()
            position = await consumer.position(partition)
        for delivery in deliveries:
            yield delivery
