"""An idempotent producer that can be discarded."""

import asyncio
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.partitioner import DefaultPartitioner

from adapters.kafka.connection import KafkaConnection, reason_of
from adapters.kafka.silent_connections import replace_silent_connections, why_unreached
from application.ports.events import Delivery

#: How long the broker may take to respond to a request.
_REQUEST_SECONDS: Final = 4.0
#: How long to wait for an existing topic's metadata.
_METADATA_SECONDS: Final = 1.0
#: The maximum size of a batch of messages for one partition. A message that is larger than this
#: gets its own batch.
_MAX_BATCH_BYTES: Final = 128 * 1024

#: Represents a null value. This is a workaround for aiokafka, which asserts that the key and the
#: value aren't both null even though Kafka accepts such messages.
_NULL: Final = object()

#: Idle connections are closed after this time because a NAT may have dropped them.
_MAX_IDLE_MS: Final = 60_000
_PARTITIONER: Final = DefaultPartitioner()

_CLOSED: Final = "the producer was discarded"


class Producer:
    """An idempotent producer that can be discarded.

    aiokafka's producer keeps retrying an unacknowledged message forever, and `stop` waits for it.
    If it drops a message, this leaves a gap in the sequence, and the broker will not accept any
    more messages for the same partition. Therefore the caller must discard the producer after a
    timeout or a rejected message. A discarded producer doesn't send anything anymore, and the next
    producer begins a new sequence.
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
        # aiokafka doesn't have a public hook for all requests.
        self._inner.client.send = self._send_unless_discarded
        self._waiting: set[asyncio.Timeout] = set()
        self._is_discarded = False

    @classmethod
    async def started(cls, connection: KafkaConnection) -> Self:
        """Create a producer and start it, which requests a producer id from the broker.

        Raises:
            KafkaError: the broker didn't return an id.
        """
        producer = cls(connection)
        try:
            await producer._inner.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def problem_with(self, topic: str) -> str | None:
        """Return why a topic is unusable (`NO_TOPIC` if it doesn't exist), or None if it's fine."""
        client = self._inner.client
        if client.cluster.partitions_for_topic(topic) is not None:
            return None
        try:
            # Fetch all topics, because requesting a missing one would create it on some clusters.
            if topic not in (await client.fetch_all_metadata()).topics():
                return self.NO_TOPIC
            async with asyncio.timeout(_METADATA_SECONDS):
                await self._inner.partitions_for(topic)
        except (KafkaError, TimeoutError) as error:
            return reason_of(error)
        return None

    def partition_of(self, topic: str, key: bytes | None) -> int:
        """Return the partition for a key, or any partition with a leader if there's no key."""
        cluster = self._inner.client.cluster
        partitions = sorted(cluster.partitions_for_topic(topic) or [0])
        available = sorted(cluster.available_partitions_for_topic(topic) or partitions)
        partition: int = _PARTITIONER(key, partitions, available)
        return partition

    async def obstacle(self, topic: str, partition: int) -> str | None:
        """Return why a partition's leader is unreachable, or None if it's responding.

        This uses the cluster's metadata, which is refreshed after each obstacle.
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
        """Send a message after the earlier ones, and return a future for the outcome.

        Raises:
            KafkaError: the message was not sent. This doesn't leave a gap.
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
        """Wait until every sent message has been acknowledged or rejected."""
        await self._inner.flush()

    def discard(self) -> None:
        """Stop sending. All unacknowledged messages fail."""
        if not self._is_discarded:
            self._is_discarded = True
            for waiting in self._waiting:
                waiting.reschedule(0)

    async def stop(self) -> None:
        """Close the connections. Unless discarded, first wait for responses to sent messages."""
        await self._inner.stop()

    async def _send_unless_discarded(self, *request: Any, **options: Any) -> Any:
        # `ProducerClosed` isn't `retriable`, so aiokafka stops retrying the message.
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
    """Retrieve the exception to prevent asyncio from logging it if the future isn't awaited."""
    if not sent.cancelled():
        sent.exception()
