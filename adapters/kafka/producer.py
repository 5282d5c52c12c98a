"""One idempotent producer, for as long as its sequence holds."""

import asyncio
from contextlib import suppress
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed, UnknownTopicOrPartitionError

from adapters.kafka.connection import KafkaConnection
from application.ports.events import Delivery

#: Seconds for which the broker may think about one request.
_REQUEST: Final = 4.0
#: Seconds until a topic that nobody has heard of counts as missing.
_TOPIC: Final = 1.0
#: Bytes that a partition's messages may share; what is larger travels alone.
_SHARED: Final = 128 * 1024

#: Stands for a null value: aiokafka asserts that not both key and value are null, Kafka does not.
_NULL: Final = object()

_CLOSED: Final = "the producer was given up"


class Producer:
    """An idempotent producer that can be given up.

    aiokafka's own repeats for ever what is not acknowledged, and its `stop` waits for that. And
    each message that it lets go of leaves a gap in the sequence, after which the broker takes no
    other of that partition. So who has lost patience, or had a refusal, gives the producer up:
    nothing more of it is sent, and the next one begins a new sequence.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._inner = AIOKafkaProducer(
            **connection.arguments(),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=_SHARED,
            request_timeout_ms=round(_REQUEST * 1000),
            value_serializer=_serialized,
        )
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

    async def knows(self, topic: str) -> bool:
        """Whether there is such a topic.

        Raises:
            KafkaError: the broker does not say, or not to us.
        """
        with suppress(TimeoutError, UnknownTopicOrPartitionError):
            async with asyncio.timeout(_TOPIC):
                await self._inner.partitions_for(topic)
            return True
        return topic in (await self._inner.client.fetch_all_metadata()).topics()

    async def send(self, topic: str, message: Delivery) -> asyncio.Future[Any]:
        """Send a message after those before it; what comes of it is in the future.

        Raises:
            KafkaError: it was not sent, and no gap is left.
        """
        sent: asyncio.Future[Any] = await self._inner.send(
            topic,
            _NULL if message.value is None else message.value,
            message.key,
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
