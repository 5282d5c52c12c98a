"""The exactly-once audit: the judgement of every stored order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from domain.ids import OrderId

#: How many orders of a kind are named.
NAMED: Final = 20


@dataclass(slots=True)
class Bad:
    """Orders with a defect: how many, and the first of them by id, with the reasons if any."""

    count: int = 0
    reasons: dict[OrderId, Sequence[str]] = field(default_factory=dict)

    @property
    def ids(self) -> list[OrderId]:
        """The orders that are named."""
        return list(self.reasons)

    def add(self, order_id: OrderId, *reasons: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.reasons) < NAMED:
            self.reasons[order_id] = reasons


@dataclass(slots=True)
class AuditReport:
    """The state of all orders and events, in one consistent snapshot.

    - pending: not processed, and younger than `stuck_after`, or waiting for a broker out of reach;
    - unpublished: events of any revision, and copies of dead letters, that wait for the broker;
    - stuck: not processed, and older, or a dead letter that was not replayed;
    - lost: an order, a step or a processing without its fact, its effect or its inbox row, any of
      these without an order, or one that contradicts another; a dead letter without its copy;
    - duplicated: more than one effect.
    """

    orders: int = 0
    published: int = 0
    processed: int = 0
    pending: int = 0
    unpublished: int = 0
    oldest_unpublished: datetime | None = None
    lost: Bad = field(default_factory=Bad)
    duplicated: Bad = field(default_factory=Bad)
    stuck: Bad = field(default_factory=Bad)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost.count or self.duplicated.count or self.stuck.count)

    def add_unpublished(self, events: int, oldest: datetime | None) -> None:
        """Count more events that wait, the oldest of them since `oldest`."""
        self.unpublished += events
        if oldest is not None:
            self.oldest_unpublished = min(oldest, self.oldest_unpublished or oldest)


class AuditProgress(Protocol):
    """The display of an audit that runs."""

    def __call__(self, orders_seen: int, orders_in_all: int) -> None:
        """Show the progress; `orders_in_all` is an estimate."""


class AuditReader(Protocol):
    """Everything that is stored, seen from the audit."""

    async def audit(
        self,
        now: datetime,
        stuck_after: timedelta,
        *,
        broker_reachable: bool,
        progress: AuditProgress,
    ) -> AuditReport:
        """Judge everything as it is at one moment, without keeping it in memory.

        Raises:
            Unavailable: the storage is out of reach.
        """
