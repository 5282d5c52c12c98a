"""The outbox, seen from its operator."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from domain.ids import OrderId

#: Counts stop here, so that counting is as fast in a long outage as on any other day.
COUNTED_AT_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class OutboxState:
    """The events that wait, and why. Counts are at most `COUNTED_AT_MOST` + 1: that means more."""

    #: Never published; parked ones are among them.
    unpublished: int
    #: The moment of the oldest of them that is neither parked nor waits behind a parked event.
    oldest: datetime | None
    #: Why the oldest event with an error waits; a replay's only if no other has one.
    last_error: str | None
    #: Refused by the broker so often that they wait for an operator.
    parked: int = 0
    #: Published events that are to be published once more.
    replays: int = 0


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """How many events will be published (again), and how many cannot: their payload is purged."""

    requested: int
    purged: int = 0


class OutboxAdmin(Protocol):
    """The outbox, for its operator."""

    async def state(self) -> OutboxState:
        """Return the present state."""

    async def replay_order(self, order_id: OrderId) -> ReplayRequest:
        """Request a replay of the order's published events, and put its parked ones back."""

    async def unpark_all(self) -> ReplayRequest:
        """Put every parked event back, as if it were new."""

    def replay_since(self, since: datetime) -> AsyncIterator[ReplayRequest]:
        """Request a replay of every event that was first published at `since` or later.

        It ends with the events that are published when it begins. It works in short transactions,
        and yields the total so far after each of them, at least once.
        """
