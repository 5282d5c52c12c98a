"""An idempotent producer that can be discarded."""

import asyncio
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.partitioner import DefaultPartitioner

from adapters.kafka.connection import KafkaConnection, reason_of
from adapters.kafka.silent_connections import replace_silent_connections, why_unreached
from application.ports.events import Delivery

#: Seconds for the broker to answer one request.
_REQUEST_SECONDS: Final = 4.0
#: Seconds to wait for the metadata of a topic that exists.
_METADATA_SECONDS: Final = 1.0
#: Maximum bytes of a batch of a partition's messages; a larger message is a batch by itself.
_MAX_BATCH_BYTES: Final = 128 * 1024

#: Stands for a null value: aiokafka asserts that key or value is not null, although Kafka accepts
#: such a message.
_NULL: Final = object()

#: An idle connection is closed after this time: a NAT may have dropped it.
_MAX_IDLE_MS: Final = 60_000
_PARTITIONER: Final = DefaultPartitioner()

_CLOSED: Final = "the producer was discarded"


class Producer:
    """An idempotent producer that can be discarded.

    aiokafka's producer repeats an unacknowledged message for ever, and its `stop` waits for that.
    Each message that it drops leaves a gap in the sequence, after which the broker accepts no other
    message of that partition. So after a timeout or a refusal the caller discards the producer:
    it sends nothing more, and its successor begins a new sequence.
    """

    NO_TOPIC: Final = "there is no such topic"

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._inner = AIOKafkaProducer(
            **connection.arguments(),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=_MAX_BATCH_BYTES,
            request_timeout_ms=round(_REQUEST_SECONDS * 1000),
            connections_max_idle_ms=_MAX_IDLE_MS,
            value_serializer=_serialized,
        )
        replace_silent_connections(self._inner.client, connection)
        self._send_request = self._inner.client.send
        # aiokafka has no public hook for all of its requests.
        self._inner.client.send = self._send_unless_discarded
        self._waiting: set[asyncio.Timeout] = set()
        self._is_discarded = False

    @classmethod
    async def started(cls, connection: KafkaConnection) -> Self:
        """Return a producer with an id from the broker.

        Raises:
            KafkaError: the broker gives none.
        """
        producer = cls(connection)
        try:
            await producer._inner.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def problem_with(self, topic: str) -> str | None:
        """Return the reason why the topic is unusable, `NO_TOPIC` if it does not exist, or None."""
        client = self._inner.client
        if client.cluster.partitions_for_topic(topic) is not None:
            return None
        try:
            # The metadata of all topics: on some clusters a request for a missing one creates it.
            if topic not in (await client.fetch_all_metadata()).topics():
                return self.NO_TOPIC
            async with asyncio.timeout(_METADATA_SECONDS):
                await self._inner.partitions_for(topic)
        except (KafkaError, TimeoutError) as error:
            return reason_of(error)
        return None

    def partition_of(self, topic: str, key: bytes | None) -> int:
        """Return the partition of a key; for a message without one, any that has a leader."""
        cluster = self._inner.client.cluster
        partitions = sorted(cluster.partitions_for_topic(topic) or [0])
        available = sorted(cluster.available_partitions_for_topic(topic) or partitions)
        partition: int = _PARTITIONER(key, partitions, available)
        return partition

    async def obstacle(self, topic: str, partition: int) -> str | None:
        """Return the reason why the leader of a partition is out of reach; None if it answers.

        It uses the cluster's metadata, which is refreshed after each obstacle.
        """
        client = self._inner.client
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        if leader is None or leader == -1:
            why = "has no leader"
        elif client.cluster.broker_metadata(leader) is None:
            why = f"is led by broker {leader}, of which nothing is known"
        elif refusal := await why_unreached(client, self._connection, leader):
            why = f"is led by broker {leader}: {refusal}"
        else:
            return None
        client.force_metadata_update()
        return f"partition {partition} of {topic} {why}"

    async def send(self, topic: str, partition: int, message: Delivery) -> asyncio.Future[Any]:
        """Send a message after the earlier ones; the future has its outcome.

        Raises:
            KafkaError: it was not sent, and no gap is left.
        """
        sent: asyncio.Future[Any] = await self._inner.send(
            topic,
            _NULL if message.value is None else message.value,
            message.key,
            partition,
            headers=[*message.headers],
        )
        sent.add_done_callback(_retrieve_failure)
        return sent

    async def flush(self) -> None:
        """Wait until every sent message is acknowledged or refused."""
        await self._inner.flush()

    def discard(self) -> None:
        """Send nothing more; unacknowledged messages fail."""
        if not self._is_discarded:
            self._is_discarded = True
            for waiting in self._waiting:
                waiting.reschedule(0)

    async def stop(self) -> None:
        """Close the connections after every sent message was answered, or at once if discarded."""
        await self._inner.stop()

    async def _send_unless_discarded(self, *request: Any, **options: Any) -> Any:
        # `ProducerClosed` is not `retriable`, so aiokafka stops repeating the message.
        if self._is_discarded:
            raise ProducerClosed(_CLOSED)
        try:
            async with asyncio.timeout(None) as waiting:
                self._waiting.add(waiting)
                try:
                    return await self._send_request(*request, **options)
                finally:
                    self._waiting.discard(waiting)
        except TimeoutError:
            raise ProducerClosed(_CLOSED) from None


def _serialized(value: Any) -> bytes | None:
    return None if value is _NULL else value


def _retrieve_failure(sent: asyncio.Future[Any]) -> None:
    """Retrieve the failure of a message that is not awaited any more, so that it is not logged."""
    if not sent.cancelled():
        sent.exception()
