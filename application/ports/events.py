"""Publishing events from the outbox to the broker, and consuming them from there."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, Self

from application.documents import Event, Headers
from domain.ids import EventId, OrderId
from domain.order.status import OrderStatus


@dataclass(frozen=True, slots=True)
class Placement:
    """The broker's address for a message: the number of a log, and the message's offset in it.

    The application stores it but doesn't interpret it.
    """

    log: int
    offset: int

    def __str__(self) -> str:
        return f"{self.log}:{self.offset}"


@dataclass(frozen=True, slots=True)
class PublishReport:
    """The outcome of publishing some events. Each event is in exactly one of the mappings."""

    #: Events that have been stored by the broker.
    acknowledged: Mapping[EventId, Placement] = field(default_factory=dict)
    #: Events that the broker rejected and would reject again, with the reasons.
    rejected: Mapping[EventId, str] = field(default_factory=dict)
    #: Events for which the broker, or one of its logs, did not respond in time, with the reasons.
    #: They may have been stored anyway, so publishing them again can create duplicates.
    unreached: Mapping[EventId, str] = field(default_factory=dict)

    @classmethod
    def of_no_answer(cls, events: Iterable[Event], reason: str) -> Self:
        """Create a report with all events as unreached."""
        return cls(unreached={event.id: reason for event in events})


class OutboxBatch(Protocol):
    """A batch of events. Until the relay leaves it, no other relay publishes these events.

    Marks are durable once the batch has been left without an exception. If an event's row can't be
    marked, this doesn't affect the marks of the other events.
    """

    @property
    def events(self) -> Sequence[Event]:
        """The events. An order only ever contributes its earliest waiting event.

        First deliveries come first, starting with the one that has been waiting the longest. They
        are followed by retries and then replays (`Event.is_replay`).
        """

    async def published(
        self, placements: Mapping[EventId, Placement], not_cached: Collection[OrderId] = ()
    ) -> None:
        """Mark events as published, and record debts to the cache (`CacheDebts`) along with them.

        Each first delivery gets the next position, following the order of the mapping. Positions
        are assigned in commit order: once a reader has seen position N, no lower position can
        appear later. A replay doesn't change the position, the placement or the time of the first
        publication.
        """

    async def rejected(self, reasons: Mapping[EventId, str]) -> None:
        """Record why the broker rejected events. They are retried later and eventually parked.

        For the waits, see `application/delivery/retry_policy.py`. A parked event waits for an
        operator. It only blocks later events of the same order.
        """

    async def postponed(self, reasons: Mapping[EventId, str], *, pause: bool = True) -> None:
        """Record why events did not reach the broker. This doesn't count as an attempt.

        The events pause for a few seconds or, if `pause` is False, are eligible again immediately.
        """


class Outbox(Protocol):
    """Events waiting for the broker. Each was stored in the same transaction as its change.

    An event becomes eligible once all earlier events of its order have been published. As a result,
    the first deliveries for an order are sorted by revision, no matter how many relays are running.
    The replays for an order are sorted among themselves and only fill up the rest of a batch.
    """

    def batch(self, size: int) -> AbstractAsyncContextManager[OutboxBatch]:
        """Lock at most `size` eligible events that aren't locked by another relay.

        They are unlocked when the block exits or the relay's process ends.
        """

    async def has_work(self) -> bool:
        """Return whether there are events waiting that aren't parked, or debts to the cache.

        This is a lot cheaper than a batch, but it can include events that aren't eligible yet.
        """


class RelayWakeup(Protocol):
    """Wakes the relay after a commit. Polling is only a safety net."""

    def notify(self) -> None:
        """Wake the relay. Never waits and never raises."""

    async def wait(self, at_most: float) -> bool:
        """Return True if notified since the last wait, or False after `at_most` seconds."""


class EventPublisher(Protocol):
    """The broker from a producer's point of view."""

    async def publish(self, events: Sequence[Event]) -> PublishReport:
        """Send events and return the outcome of each one. There's an upper limit on the time.

        Events of the same order are sent in sequence. If the broker is unavailable, this doesn't
        raise an exception but reports all events as `unreached`.
        """


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message, unchanged down to the last byte."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    #: The broker's address for the message. None if the broker hasn't stored it.
    placement: Placement | None = field(default=None, compare=False)
    #: Why the client library can't decode the message. If set, key, value and headers are missing.
    defect: str | None = None

    def header(self, name: str) -> bytes | None:
        """Return the value of the last header with this name, or None if there is none."""
        return next((value for known, value in reversed(self.headers) if known == name), None)


class EventSource(Protocol):
    """The broker from the point of view of a single consumer of one topic."""

    async def receive(self) -> Sequence[Delivery]:
        """Wait for messages after the committed ones and return at least one.

        Uncommitted messages are received again, so nothing is skipped if the caller fails or is
        canceled after receiving and before committing. If the broker is unavailable, this keeps
        waiting.
        """

    async def commit(self) -> None:
        """Commit all received messages. They will not be received again."""

    async def lag(self) -> Mapping[int, int]:
        """Return the number of uncommitted messages for each of the topic's logs.

        Only logs assigned to this source are included. Empty if the broker doesn't respond.
        """


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and the consumer group that shares its messages."""

    name: str
    group: str


class EventSources(Protocol):
    """The broker from the point of view of all consumers in a process."""

    def subscribe(self, topic: str, group: str) -> EventSource:
        """Return a source for the topic's messages.

        Every group receives every message, and its members share them. If the broker stores
        messages, a new group starts with the oldest stored message.
        """

    async def lag(self) -> Mapping[Topic, Mapping[int, int]]:
        """Return the lag of every source returned by `subscribe`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedEvent:
    """An order event as received by a consumer.

    `id` is the same for every delivery of the event. `status` is the order's status right after the
    event, or None if it's a status that only another release has.
    """

    id: EventId
    type: str
    order_id: OrderId
    status: OrderStatus | None


class EventHandler(Protocol):
    """The use case that one consumer runs for each event of its topic."""

    async def __call__(self, event: ReceivedEvent) -> None:
        """Handle an event. Its effect must be durable on return.

        This is called at least once for each event, and events of the same order arrive in order.

        Raises:
            Unavailable: a server is unreachable. The event is delivered again when it's back.
            Exception: the event itself is the problem. It becomes a dead letter after a few
                attempts.
        """


class MessageEncoder(Protocol):
    """Encodes events as messages, in the format that consumers expect."""

    def message(self, event: Event) -> "Delivery":
        """Return an event's message. The copy of a message is equal to the original."""
