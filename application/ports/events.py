"""From the outbox to the broker, and from the broker to whoever acts on an event."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from application.documents import Event, Headers
from domain.ids import EventId


class OutboxBatch(Protocol):
    """Events that are this relay's to publish until the batch is left.

    What is noted of them is durable when the batch was left without an exception.
    """

    @property
    def events(self) -> Sequence[Event]:
        """The earliest unpublished event of each of some orders, longest waiting first."""

    async def published(self, event_ids: Sequence[EventId]) -> None:
        """Mark events as published, giving each the next position."""

    async def refused(self, reasons: Mapping[EventId, str]) -> None:
        """Note why the broker refused events; each waits longer before it is eligible again."""

    async def postponed(self, error: str) -> None:
        """Note why the whole batch stays unpublished; it is eligible again at once."""


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

    async def publish(self, events: Sequence[Event]) -> Mapping[EventId, str]:
        """Hand over events; return when the broker has acknowledged each, or refused it.

        The answer names the refused ones with the reason; events of one order keep their order.

        Raises:
            BrokerUnavailable: some or all may not have arrived; publish all of them again.
        """


class Placement(NamedTuple):
    """Where the broker stores a message within its topic."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"partition {self.partition}, offset {self.offset}"


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
        """The next messages, at least one; waits for them, also while the broker is away."""

    async def commit(self) -> None:
        """Say that all that was received is dealt with, and need not come again."""

    async def lag(self) -> Mapping[int, int]:
        """By partition of ours, how many messages are not committed; none while that is unknown."""
