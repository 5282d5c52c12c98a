"""What operators do to what is stored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.ids import OrderId


@dataclass(frozen=True, slots=True)
class OutboxState:
    """What waits for the broker, since when, and what was last said about it."""

    unpublished: int
    oldest: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Republished:
    """How many events go out again, and how many cannot: their payload was swept."""

    again: int
    swept: int


class OutboxOffice(Protocol):
    """The outbox, seen from its operator."""

    async def state(self) -> OutboxState:
        """How it stands."""

    async def publish_again(self, order_id: OrderId) -> Republished:
        """Let the published events of one order wait once more, in their order."""

    async def publish_again_since(self, since: datetime) -> Republished:
        """Let every event that was published at `since` or later wait once more."""
