"""Events on their way from the outbox to the broker, and from the broker to consumers."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, Self

from application.documents import Event, Headers
from domain.ids import EventId, OrderId
from domain.order.status import OrderStatus


@dataclass(frozen=True, slots=True)
class Placement:
    """The broker's address of a message: the number of a log, and the message's offset in it.

    The application stores it and does not interpret it.
    """

    log: int
    offset: int

    def __str__(self) -> str:
        return f"{self.log}:{self.offset}"


@dataclass(frozen=True, slots=True)
class PublishReport:
    """The outcome of publishing some events; every event is in exactly one of the mappings."""

    #: Stored by the broker.
    acknowledged: Mapping[EventId, Placement] = field(default_factory=dict)
    #: Rejected by the broker, which would reject them again; the value is the reason.
    rejected: Mapping[EventId, str] = field(default_factory=dict)
    #: Neither: the broker, or one of its logs, did not answer in time; the value is the reason. The
    #: broker may have stored them, so that publishing them again may repeat them.
    unreached: Mapping[EventId, str] = field(default_factory=dict)

    @classmethod
    def of_no_answer(cls, events: Iterable[Event], reason: str) -> Self:
        """Report every event as unreached."""
        return cls(unreached={event.id: reason for event in events})


class OutboxBatch(Protocol):
    """Events that only this relay publishes until it leaves the batch.

    Marks are durable when the batch was left without an exception. A mark that one event's row
    does not take leaves the marks of the others as they are.
    """

    @property
    def events(self) -> Sequence[Event]:
        """At most one event of each order: the earliest that waits.

        First deliveries, longest waiting first, then retries, then replays (`Event.is_replay`).
        """

    async def published(
        self, placements: Mapping[EventId, Placement], not_cached: Collection[OrderId] = ()
    ) -> None:
        """Mark events as published, and record debts to the cache (`CacheDebts`) with the marks.

        A first delivery gets the next position, in the order of the mapping. Positions are given
        in the order of commits: a reader that has seen position N sees no lower one appear later.
        A replay changes neither position, placement nor moment of the first publication.
        """

    async def rejected(self, reasons: Mapping[EventId, str]) -> None:
        """Record why the broker refused events; each is retried later, or parked in the end.

        `application/delivery/retry_policy.py` has the waits. A parked event waits for an operator,
        and only later events of its own order wait with it.
        """

    async def postponed(self, reasons: Mapping[EventId, str], *, pause: bool = True) -> None:
        """Record why events did not reach the broker, which counts as no attempt.

        Each pauses for some seconds, or is eligible again at once.
        """


class Outbox(Protocol):
    """Events that wait for the broker; each was stored in the transaction of its change.

    An event is eligible when no earlier one of its order is unpublished, so that the first
    deliveries of an order come in the order of its revisions, with any number of relays. Replays
    of one order keep that order among themselves, and fill only the rest of a batch.
    """

    def batch(self, size: int) -> AbstractAsyncContextManager[OutboxBatch]:
        """Hold at most `size` eligible events that no other relay holds.

        They are released when the block ends, or the process of the relay.
        """

    async def has_work(self) -> bool:
        """Return whether an event waits, parked ones aside, or a debt to the cache.

        It costs much less than a batch, and may be wrong about events that are not eligible yet.
        """


class RelayWakeup(Protocol):
    """Wakes the relay after a commit, so that polling is only the safety net."""

    def notify(self) -> None:
        """Wake the relay. Never waits, never raises."""

    async def wait(self, at_most: float) -> bool:
        """Return True if notified since the last wait, False after `at_most` seconds."""


class EventPublisher(Protocol):
    """The broker, seen from its producer."""

    async def publish(self, events: Sequence[Event]) -> PublishReport:
        """Send events, and return the outcome of each within a bounded time.

        Events of one order keep their order. If the broker is unavailable, all events are
        `unreached`; nothing is raised.
        """


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message, byte for byte."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    #: The broker's address of the message; None if the broker has not stored it.
    placement: Placement | None = field(default=None, compare=False)
    #: The reason why the client library cannot decode it; then key, value and headers are missing.
    defect: str | None = None

    def header(self, name: str) -> bytes | None:
        """Return the value of a header, of its last one if the name repeats; None without one."""
        return next((value for known, value in reversed(self.headers) if known == name), None)


class EventSource(Protocol):
    """The broker, seen from one consumer of one topic."""

    async def receive(self) -> Sequence[Delivery]:
        """Return the messages after the committed ones, at least one; wait for them.

        Uncommitted messages are received again: a caller that fails, or is canceled, between
        receiving and committing skips nothing. It waits also while the broker is unavailable.
        """

    async def commit(self) -> None:
        """Commit all received messages, so that they are not received again."""

    async def lag(self) -> Mapping[int, int]:
        """Return the number of uncommitted messages by log of the topic.

        Only logs that this source reads are included; none if the broker does not answer.
        """


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and the group of consumers that share its messages."""

    name: str
    group: str


class EventSources(Protocol):
    """The broker, seen from all consumers of one process."""

    def subscribe(self, topic: str, group: str) -> EventSource:
        """Return a source of the topic's messages.

        Every group receives each message; the members of a group share them. A new group of a
        broker that stores messages begins with the oldest stored one.
        """

    async def lag(self) -> Mapping[Topic, Mapping[int, int]]:
        """Return the lag of every source that `subscribe` has returned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedEvent:
    """An event of an order, as a consumer receives it.

    `id` is the same at every delivery of the event. `status` is the order's, right after the event;
    None for a status of another release.
    """

    id: EventId
    type: str
    order_id: OrderId
    status: OrderStatus | None


class EventHandler(Protocol):
    """The use case that one consumer runs for each event of its topic."""

    async def __call__(self, event: ReceivedEvent) -> None:
        """Act on an event; return when its effect is durable.

        Called with the events of one order in their order, at least once each.

        Raises:
            Unavailable: a server is out of reach; the event comes again as soon as it answers.
            Exception: the event's own failure. After some attempts it becomes a dead letter.
        """


class MessageEncoder(Protocol):
    """Makes messages of events, in the format that consumers agreed on."""

    def message(self, event: Event) -> "Delivery":
        """Return the message of an event; a copy of a message is equal to its original."""
