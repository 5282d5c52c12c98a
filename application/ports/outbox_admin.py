"""The outbox from an operator's point of view."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from domain.ids import OrderId

#: Counting stops here to keep it fast during long outages.
COUNTED_AT_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How many events are waiting, and why.

    A count of `COUNTED_AT_MOST` + 1 means that there are more than `COUNTED_AT_MOST`.
    """

    #: Events that have never been published, including parked events.
    unpublished: int
    #: The time of the oldest unpublished event that is neither parked nor behind a parked event.
    oldest: datetime | None
    #: The error of the oldest event that has one. Replays are only considered if there's no other.
    last_error: str | None
    #: Events that the broker has rejected so often that they are waiting for an operator.
    parked: int = 0
    #: Published events that are waiting to be published again.
    replays: int = 0


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """How many events will be published (again), and how many can't be because they were purged."""

    requested: int
    purged: int = 0


class OutboxAdmin(Protocol):
    """Lets operators inspect the outbox and replay events."""

    async def state(self) -> OutboxState:
        """Return the current state."""

    async def replay_order(self, order_id: OrderId) -> ReplayRequest:
        """Request a replay of an order's published events and put its parked events back."""

    async def unpark_all(self) -> ReplayRequest:
        """Put all parked events back as if they were new."""

    def replay_since(self, since: datetime) -> AsyncIterator[ReplayRequest]:
        """Request a replay of all events first published at or after `since`.

        Events that are published after this has started are not included. It runs in short
        transactions and yields the running total after each of them, at least once.
        """
