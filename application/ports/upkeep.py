"""What operators and retention do to what is stored."""

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


class Archive(Protocol):
    """What has served, and may go. Facts stay: which event, of which version, published when."""

    async def sweep_letters(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` dead letters that were put back before; how many went.

        A letter goes with what was told of it, and only when all of that was published.
        """

    async def sweep_payloads(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` payloads of events published before; how many went.

        Never one of an order that was not processed before then, too.
        """
