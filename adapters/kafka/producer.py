"""One idempotent producer, for as long as its sequence holds."""

import asyncio
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.partitioner import DefaultPartitioner

from adapters.kafka.connection import KafkaConnection, reason_of
from adapters.kafka.silent_connections import replace_silent_connections, why_unreached
from application.ports.events import Delivery

#: Seconds for which the broker may think about one request.
_REQUEST: Final = 4.0
#: Seconds until the metadata of a topic that exists counts as missing.
_TOPIC: Final = 1.0
#: Bytes that a partition's messages may share; what is larger travels alone.
_SHARED: Final = 128 * 1024

#: Stands for a null value: aiokafka asserts that not both key and value are null, Kafka does not.
_NULL: Final = object()

#: A connection that rests longer is closed: a NAT may have forgotten it.
_MAX_IDLE_MS: Final = 60_000
_PARTITIONER: Final = DefaultPartitioner()

_CLOSED: Final = "the producer was given up"


class Producer:
    """An idempotent producer that can be given up.

    aiokafka's own repeats for ever what is not acknowledged, and its `stop` waits for that. And
    each message that it lets go of leaves a gap in the sequence, after which the broker takes no
    other of that partition. So who has lost patience, or had a refusal, gives the producer up:
    nothing more of it is sent, and the next one begins a new sequence.
    """

    NO_TOPIC: Final = "there is no such topic"

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._inner = AIOKafkaProducer(
            **connection.arguments(),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=_SHARED,
            request_timeout_ms=round(_REQUEST * 1000),
            connections_max_idle_ms=_MAX_IDLE_MS,
            value_serializer=_serialized,
        )
        replace_silent_connections(self._inner.client, connection)
        self._ask = self._inner.client.send
        # All that aiokafka sends goes through here, which its own interface has no word for.
        self._inner.client.send = self._ask_unless_given_up
        self._waiting: set[asyncio.Timeout] = set()
        self._is_given_up = False

    @classmethod
    async def started(cls, connection: KafkaConnection) -> Self:
        """A producer that has its number from the broker.

        Raises:
            KafkaError: there is none to be had.
        """
        producer = cls(connection)
        try:
            await producer._inner.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def problem_with(self, topic: str) -> str | None:
        """Return why nothing can be published to the topic, `NO_TOPIC` if it does not exist."""
        client = self._inner.client
        if client.cluster.partitions_for_topic(topic) is not None:
            return None
        try:
            # All are asked for: a question for one that is missing may make it, on some clusters.
            if topic not in (await client.fetch_all_metadata()).topics():
                return self.NO_TOPIC
            async with asyncio.timeout(_TOPIC):
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
        """Return why the leader of a partition is not reached; None if it is.

        The answer is that of the cluster's metadata, which is refreshed after each obstacle.
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
        """Send a message after those before it; what comes of it is in the future.

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
        sent.add_done_callback(_look_at)
        return sent

    async def flush(self) -> None:
        """Wait until all that was sent is acknowledged or refused."""
        await self._inner.flush()

    def give_up(self) -> None:
        """Send no more; all that is not acknowledged yet fails."""
        if not self._is_given_up:
            self._is_given_up = True
            for waiting in self._waiting:
                waiting.reschedule(0)

    async def stop(self) -> None:
        """Let go of the connections, after all that was sent, unless that was given up."""
        await self._inner.stop()

    async def _ask_unless_given_up(self, *question: Any, **options: Any) -> Any:
        # `ProducerClosed` is not `retriable`: aiokafka lets go of what it would repeat for ever.
        if self._is_given_up:
            raise ProducerClosed(_CLOSED)
        try:
            async with asyncio.timeout(None) as waiting:
                self._waiting.add(waiting)
                try:
                    return await self._ask(*question, **options)
                finally:
                    self._waiting.discard(waiting)
        except TimeoutError:
            raise ProducerClosed(_CLOSED) from None


def _serialized(value: Any) -> bytes | None:
    return None if value is _NULL else value


def _look_at(sent: asyncio.Future[Any]) -> None:
    """A failure that nobody waits for any more is no news."""
    if not sent.cancelled():
        sent.exception()
