"""From the outbox to the broker, and from the broker to whoever acts on an event."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, Self

from application.documents import Event, Headers
from domain.ids import EventId


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the broker stored a message."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class PublishReport:
    """The outcome of publishing some events; every event is in exactly one of the mappings."""

    #: Stored by the broker.
    acknowledged: Mapping[EventId, Placement] = field(default_factory=dict)
    #: Refused by the broker, which would refuse them again; the value is the reason.
    rejected: Mapping[EventId, str] = field(default_factory=dict)
    #: Neither: the broker, or the partition, did not answer in time; the value is the reason. The
    #: broker may have stored them, so that publishing them again may repeat them.
    unreached: Mapping[EventId, str] = field(default_factory=dict)

    @classmethod
    def of_no_answer(cls, events: Iterable[Event], reason: str) -> Self:
        """Report every event as unreached."""
        return cls(unreached={event.id: reason for event in events})


class OutboxBatch(Protocol):
    """Events that are this relay's to publish until the batch is left.

    What is noted of them is durable when the batch was left without an exception.
    """

    @property
    def events(self) -> Sequence[Event]:
        """The earliest unpublished event of each of some orders, longest waiting first."""

    async def published(self, placements: Mapping[EventId, Placement]) -> None:
        """Mark events as published, giving each the next position, in the order of the mapping."""

    async def rejected(self, reasons: Mapping[EventId, str]) -> None:
        """Note why the broker refused events; each waits longer before it is eligible again."""

    async def postponed(self, reasons: Mapping[EventId, str]) -> None:
        """Note why events stay unpublished; they are eligible again at once."""


class Outbox(Protocol):
    """Events that were stored with what they tell of, and wait for the broker.

    An event is eligible when no earlier one of its order is unpublished, so that the first
    deliveries of an order come in the order of its revisions, with any number of relays.
    """

    def batch(self, size: int) -> AbstractAsyncContextManager[OutboxBatch]:
        """At most `size` eligible events that no other relay holds. A relay that dies lets go."""


class OutboxBell(Protocol):
    """Wakes the relay after a commit, so that polling is only the safety net."""

    def ring(self) -> None:
        """Say that there is something to publish. Never waits, never raises."""

    async def wait(self, at_most: float) -> None:
        """Return when the bell has rung since the last wait, or after `at_most` seconds."""


class EventPublisher(Protocol):
    """The broker, seen from its producer."""

    async def publish(self, events: Sequence[Event]) -> PublishReport:
        """Send events, and return the outcome of each within a bounded time.

        Events of one order keep their order. A broker that is away is no exception: it leaves
        all events `unreached`.
        """


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it came from the broker, byte for byte."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    #: Where it is stored; None for a message that the broker did not store, or not yet.
    placement: Placement | None = field(default=None, compare=False)
    #: Why the client library cannot decode the record: then key, value and headers are missing.
    defect: str | None = None

    def header(self, name: str) -> bytes | None:
        """Return the value of a header, of its last one if the name repeats; None without one."""
        return next((value for known, value in reversed(self.headers) if known == name), None)


class EventSource(Protocol):
    """The broker, seen from one consumer of one topic."""

    async def receive(self) -> Sequence[Delivery]:
        """Return the messages after the committed ones, at least one; wait for them.

        What was received and not committed comes again: a caller that fails, or is canceled,
        between receiving and committing skips nothing. It waits also while the broker is away.
        """

    async def commit(self) -> None:
        """Say that all that was received is dealt with, and need not come again."""

    async def lag(self) -> Mapping[int, int]:
        """By partition of ours, how many messages are not committed; none while that is unknown."""
