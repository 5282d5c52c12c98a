"""Publish events to Kafka."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias
from uuid import UUID

from adapters.kafka.connection import KafkaConnection, reach, reason_of, shielded
from adapters.kafka.outcomes import Outcomes
from adapters.kafka.producer import Producer
from adapters.kafka.readiness import ensure_ready
from adapters.kafka.topics import ensure_topics
from application.documents import Event
from application.errors import BrokerUnavailable
from application.ports.events import Delivery, MessageEncoder, PublishReport

#: The default time limit for `publish`, and for `close`.
PUBLISH_SECONDS: Final = 5.0
#: How often to check a partition's leader while waiting for it.
_LEADER_CHECK_SECONDS: Final = 0.25
#: How often to try to recreate missing topics.
_PREPARE_SECONDS: Final = 10.0

Prepare: TypeAlias = Callable[[KafkaConnection], Awaitable[None]]
#: A topic's name, including the prefix, and the number of a partition.
Partition: TypeAlias = tuple[str, int]


class KafkaPublisher:
    """An `EventPublisher` for Kafka that connects when it publishes its first event.

    `prepare` is called when the broker responds for the first time, and again if a topic is
    missing.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        encoder: MessageEncoder,
        *,
        prepare: Prepare = ensure_topics,
        at_most: float = PUBLISH_SECONDS,
    ) -> None:
        self._connection = connection
        self._encoder = encoder
        self._prepare = prepare
        self._is_prepared = False
        self._prepare_from = 0.0
        self._at_most = at_most
        self._producer: Producer | None = None
        self._connecting = asyncio.Lock()
        self._discarded: set[asyncio.Task[None]] = set()

    async def ping(self) -> None:
        """Check that Kafka can store all events.

        Raises:
            BrokerUnavailable: Kafka can't store all events. The message contains the reasons.
        """
        await ensure_ready(self._connection)

    async def publish(self, events: Sequence[Event]) -> PublishReport:
        """Send events and return the outcome of each one within `at_most` seconds.

        If a partition doesn't have a leader, or a topic is missing or forbidden, its events are
        reported as `unreached` without holding up any others.
        """
        outcomes = Outcomes(events)
        try:
            async with asyncio.timeout(self._at_most):
                for turn in _turns(events):
                    await self._publish_together(outcomes.ready(turn), outcomes)
        except TimeoutError:
            why = f"Kafka did not acknowledge within {self._at_most:g} s"
        except BrokerUnavailable as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - treat any library error as an outage
            why = f"Kafka: {reason_of(error)}"
        else:
            return outcomes.report()
        self._replace(self._producer)
        return outcomes.report(why)

    async def close(self) -> None:
        """Wait up to 2 s for sent messages, then close the connections."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await asyncio.wait([flushing := asyncio.create_task(producer.flush())], timeout=2)
            if not flushing.done():
                flushing.cancel()
            self._discard(producer)
        if self._discarded:
            _, late = await asyncio.wait(self._discarded, timeout=self._at_most)
            for task in late:
                task.cancel()

    async def _publish_together(self, events: Sequence[Event], outcomes: Outcomes) -> None:
        """Publish events that all belong to different orders."""
        if not events:
            return
        producer = await self._connected()
        await self._send_all(producer, events, outcomes)
        if not outcomes.has_failures(events):
            return
        self._replace(producer)
        # The broker only rejects whole batches. Send the events one by one to find the bad one.
        for event, _ in outcomes.take_refused(events):
            await self._publish_alone(event, outcomes)

    async def _publish_alone(self, event: Event, outcomes: Outcomes) -> None:
        producer = await self._connected()
        await self._send_all(producer, [event], outcomes)
        if outcomes.has_failures([event]):
            self._replace(producer)
            outcomes.rejected |= {e.id: reason for e, reason in outcomes.take_refused([event])}

    async def _send_all(
        self, producer: Producer, events: Sequence[Event], outcomes: Outcomes
    ) -> None:
        """Send events and wait for the outcome of each one."""
        missing = await self._missing(producer, {self._topic(event) for event in events})
        partitions: defaultdict[Partition, list[tuple[Event, Delivery]]] = defaultdict(list)
        for event in events:
            topic = self._topic(event)
            if topic in missing:
                outcomes.unreached[event.id] = missing[topic]
                continue
            try:
                message = self._encoder.message(event)
            except Exception as error:  # noqa: BLE001 - only this event fails
                outcomes.fail(event, error)
            else:
                partition = topic, producer.partition_of(topic, message.key)
                partitions[partition].append((event, message))
        await asyncio.gather(
            *(
                self._send_to(partition, producer, some, outcomes)
                for partition, some in partitions.items()
            )
        )

    async def _send_to(
        self,
        partition: Partition,
        producer: Producer,
        messages: Sequence[tuple[Event, Delivery]],
        outcomes: Outcomes,
    ) -> None:
        """Send a partition's messages and wait for them, unless the leader is unavailable."""
        if obstacle := await producer.obstacle(*partition):
            outcomes.unreached |= dict.fromkeys((event.id for event, _ in messages), obstacle)
            return
        for event, message in messages:
            try:
                outcomes.sent[event.id] = await producer.send(*partition, message)
            except Exception as error:  # noqa: BLE001 - only this event fails
                outcomes.fail(event, error)
        pending = {outcomes.sent[event.id] for event, _ in messages if event.id in outcomes.sent}
        while pending:
            _, pending = await asyncio.wait(pending, timeout=_LEADER_CHECK_SECONDS)
            if pending and (obstacle := await producer.obstacle(*partition)):
                late = (event.id for event, _ in messages if outcomes.sent.get(event.id) in pending)
                outcomes.unreached |= dict.fromkeys(late, obstacle)
                return

    async def _missing(self, producer: Producer, topics: set[str]) -> dict[str, str]:
        """Create missing topics, then return the unusable ones with the reasons."""
        problems = {topic: await producer.problem_with(topic) for topic in topics}
        if any(problem == producer.NO_TOPIC for problem in problems.values()):
            await self._prepare_again()
            problems = {topic: await producer.problem_with(topic) for topic in topics}
        return {topic: f"{topic}: {why}" for topic, why in problems.items() if why}

    async def _prepare_again(self) -> None:
        if time.monotonic() >= self._prepare_from:
            self._prepare_from = time.monotonic() + _PREPARE_SECONDS
            with suppress(BrokerUnavailable):
                await self._prepare(self._connection)

    def _topic(self, event: Event) -> str:
        return self._connection.name(event.topic)

    async def _connected(self) -> Producer:
        async with self._connecting:
            if self._producer is None:
                return await shielded(self._connect())
            return self._producer

    async def _connect(self) -> Producer:
        await reach(self._connection)
        if not self._is_prepared:
            await self._prepare(self._connection)
            self._is_prepared = True
        self._producer = await Producer.started(self._connection)
        return self._producer

    def _replace(self, producer: Producer | None) -> None:
        if producer is not None:
            if self._producer is producer:
                self._producer = None
            self._discard(producer)

    def _discard(self, producer: Producer) -> None:
        producer.discard()
        stopping = asyncio.create_task(producer.stop())
        self._discarded.add(stopping)
        stopping.add_done_callback(self._discarded.discard)


def _turns(events: Sequence[Event]) -> Iterable[Sequence[Event]]:
    """Return the first event of every order, then the second of every order, and so on."""
    turns: defaultdict[int, list[Event]] = defaultdict(list)
    seen: Counter[UUID] = Counter()
    for event in events:
        turns[seen[event.subject]].append(event)
        seen[event.subject] += 1
    return turns.values()
