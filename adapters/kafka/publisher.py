"""Events to Kafka."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Final, TypeAlias
from uuid import UUID

from aiokafka.errors import (
    CorruptRecordException,
    InvalidTimestampError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownError,
)

from adapters.kafka.connection import KafkaConnection, reach, reason_of, unhurried
from adapters.kafka.producer import Producer
from adapters.kafka.topics import ensure_topics
from application.documents import Event
from application.errors import BrokerUnavailable
from application.messages import message_of
from application.ports.events import Placement, PublishReport
from domain.ids import EventId

#: Seconds that `publish` takes at most, and `close`.
AT_MOST: Final = 5.0

_OF_THE_TOPIC: Final = (InvalidTopicError, TopicAuthorizationFailedError)
#: What the broker would say of this event again, whenever it came.
_REFUSALS: Final = (
    *_OF_THE_TOPIC,
    CorruptRecordException,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    UnknownError,  # a code that is newer than aiokafka, such as INVALID_RECORD
)

Failures: TypeAlias = Sequence[tuple[Event, BaseException]]
Prepare: TypeAlias = Callable[[KafkaConnection], Awaitable[None]]


class KafkaPublisher:
    """Publishes to Kafka as CloudEvents; connects when there is something to publish.

    `prepare` is called once, as soon as the broker is there.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        prepare: Prepare = ensure_topics,
        at_most: float = AT_MOST,
    ) -> None:
        self._connection = connection
        self._prepare: Prepare | None = prepare
        self._at_most = at_most
        self._producer: Producer | None = None
        self._connecting = asyncio.Lock()
        self._given_up: set[asyncio.Task[None]] = set()

    async def ping(self) -> None:
        """See that the broker answers.

        Raises:
            BrokerUnavailable: it does not.
        """
        await reach(self._connection)

    async def publish(self, events: Sequence[Event]) -> PublishReport:
        """Send events, and return the outcome of each within `at_most` seconds."""
        try:
            async with asyncio.timeout(self._at_most):
                return await self._publish(events)
        except TimeoutError:
            why = f"Kafka did not acknowledge within {self._at_most:g} s"
        except KafkaError as error:
            why = f"Kafka: {reason_of(error)}"
        except OSError as error:
            why = f"Kafka is out of reach: {reason_of(error)}"
        except BrokerUnavailable as error:
            why = str(error)
        self._give_up(self._producer)
        return PublishReport.of_no_answer(events, why)

    async def close(self) -> None:
        """Let what was sent arrive, if it does so soon, and let go of the connections."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await asyncio.wait([flushing := asyncio.create_task(producer.flush())], timeout=2)
            if not flushing.done():
                flushing.cancel()
            self._bury(producer)
        if self._given_up:
            _, late = await asyncio.wait(self._given_up, timeout=self._at_most)
            for task in late:
                task.cancel()

    async def _publish(self, events: Sequence[Event]) -> PublishReport:
        """Publish the first event of each order, then the second of each, and so on."""
        acknowledged: dict[EventId, Placement] = {}
        refused: dict[EventId, str] = {}
        held: set[UUID] = set()
        for turn in _turns(events):
            refused |= {e.id: "an earlier one was refused" for e in turn if e.subject in held}
            together = [e for e in turn if e.subject not in held]
            refused |= await self._publish_together(together, acknowledged)
            held |= {e.subject for e in turn if e.id in refused}
        return PublishReport(acknowledged, refused)

    async def _publish_together(
        self, events: Sequence[Event], acknowledged: dict[EventId, Placement]
    ) -> dict[EventId, str]:
        producer = await self._connected()
        missing = await self._missing(producer, {self._topic(event) for event in events})
        refused = {e.id: missing[self._topic(e)] for e in events if self._topic(e) in missing}
        sent: dict[EventId, asyncio.Future[Any]] = {}
        for event in events:
            if event.id not in refused:
                try:
                    sent[event.id] = await self._send(producer, event)
                except _REFUSALS as refusal:
                    refused[event.id] = reason_of(refusal)
        await asyncio.gather(*sent.values(), return_exceptions=True)
        failed = [(e, error) for e in events if e.id in sent and (error := sent[e.id].exception())]
        acknowledged |= {i: _placement(s.result()) for i, s in sent.items() if not s.exception()}
        if failed:
            self._give_up(producer)
            refused |= await self._refusals(failed, acknowledged)
        return refused

    async def _refusals(
        self, failed: Failures, acknowledged: dict[EventId, Placement]
    ) -> dict[EventId, str]:
        """Which of these it was: messages travel together, and are refused together."""
        if not any(isinstance(error, _REFUSALS) for _, error in failed):
            raise failed[0][1]
        refused = {}
        for event, error in failed:
            outcome = error if isinstance(error, _OF_THE_TOPIC) else await self._alone(event)
            if isinstance(outcome, Placement):
                acknowledged[event.id] = outcome
            else:
                refused[event.id] = reason_of(outcome)
        return refused

    async def _alone(self, event: Event) -> Placement | KafkaError:
        """Publish an event by itself; its placement, or the refusal."""
        producer = await self._connected()
        try:
            return _placement(await (await self._send(producer, event)))
        except _REFUSALS as refusal:
            self._give_up(producer)
            return refusal

    async def _missing(self, producer: Producer, topics: Collection[str]) -> dict[str, str]:
        """Which topics are not there for us, and why."""
        answers = await asyncio.gather(
            *(producer.knows(topic) for topic in topics), return_exceptions=True
        )
        missing = {}
        for topic, answer in zip(topics, answers, strict=True):
            if isinstance(answer, _REFUSALS):
                missing[topic] = reason_of(answer)
            elif isinstance(answer, BaseException):
                raise answer
            elif not answer:
                missing[topic] = f"Kafka has no topic {topic}"
        return missing

    async def _send(self, producer: Producer, event: Event) -> asyncio.Future[Any]:
        return await producer.send(self._topic(event), message_of(event))

    def _topic(self, event: Event) -> str:
        return self._connection.name(event.topic)

    async def _connected(self) -> Producer:
        async with self._connecting:
            if self._producer is None:
                return await unhurried(self._connect())
            return self._producer

    async def _connect(self) -> Producer:
        await reach(self._connection)
        if self._prepare is not None:
            await self._prepare(self._connection)
            self._prepare = None
        self._producer = await Producer.started(self._connection)
        return self._producer

    def _give_up(self, producer: Producer | None) -> None:
        if producer is not None:
            if self._producer is producer:
                self._producer = None
            self._bury(producer)

    def _bury(self, producer: Producer) -> None:
        producer.give_up()
        burial = asyncio.create_task(producer.stop())
        self._given_up.add(burial)
        burial.add_done_callback(self._given_up.discard)


def _placement(metadata: Any) -> Placement:
    """Convert aiokafka's RecordMetadata."""
    return Placement(metadata.partition, metadata.offset)


def _turns(events: Sequence[Event]) -> Iterable[Sequence[Event]]:
    """The first event of each order, then the second of each, and so on."""
    turns: defaultdict[int, list[Event]] = defaultdict(list)
    seen: Counter[UUID] = Counter()
    for event in events:
        turns[seen[event.subject]].append(event)
        seen[event.subject] += 1
    return turns.values()
