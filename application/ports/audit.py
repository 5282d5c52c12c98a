"""The exactly-once audit, which checks every stored order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from application.ports.events import Placement
from domain.ids import EventId, OrderId

#: How many orders or events with the same kind of defect are listed.
NAMED: Final = 20


@dataclass(slots=True)
class Bad:
    """Orders with a defect: their number, and the ids of the first ones with any reasons."""

    count: int = 0
    reasons: dict[OrderId, Sequence[str]] = field(default_factory=dict)

    @property
    def ids(self) -> list[OrderId]:
        """The ids of the listed orders."""
        return list(self.reasons)

    def add(self, order_id: OrderId, *reasons: str) -> None:
        """Add one more order."""
        self.count += 1
        if len(self.reasons) < NAMED:
            self.reasons[order_id] = reasons


@dataclass(slots=True)
class AuditReport:
    """The state of all orders and events in one consistent snapshot.

    - pending: unprocessed orders that are younger than `stuck_after`, or that are waiting for an
      unreachable broker
    - unpublished: events of any revision and copies of dead letters that are waiting for the broker
    - stuck: unprocessed orders that are older, or whose dead letter has not been replayed
    - lost: orders with missing or contradictory records. A fact, an effect or an inbox row is
      missing, or its order is missing, or the records disagree, or a dead letter has no copy
    - duplicated: orders with more than one effect
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
        """Whether the audit did not find any defects."""
        return not (self.lost.count or self.duplicated.count or self.stuck.count)

    def add_unpublished(self, events: int, oldest: datetime | None) -> None:
        """Add waiting events to the report. The oldest of them dates from `oldest`."""
        self.unpublished += events
        if oldest is not None:
            self.oldest_unpublished = min(oldest, self.oldest_unpublished or oldest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A published event without its payload, which may have been purged.

    `key` is the key of its message. The copy of a message has the original's key and headers, so
    its record doesn't contain the event's id. `placement` is None if the event was published before
    placements were stored.
    """

    id: EventId
    subject: UUID
    version: int
    topic: str
    position: int
    placement: Placement | None
    key: bytes | None
    is_copy: bool = False


@dataclass(frozen=True, slots=True)
class MissingEvent:
    """A published event that the broker doesn't have, and the reason."""

    fact: Fact
    placement: Placement
    reason: str


@dataclass(slots=True)
class BrokerReport:
    """The result of comparing all facts with the broker's records.

    - missing: events that aren't stored at their placement, with the first ones listed
    - uncompared: events whose placement is unknown, or has been removed by the topic's retention
    """

    missing: int = 0
    uncompared: int = 0
    listed: list[MissingEvent] = field(default_factory=list)

    def add_missing(self, event: MissingEvent) -> None:
        """Add one more missing event."""
        self.missing += 1
        if len(self.listed) < NAMED:
            self.listed.append(event)


class AuditProgress(Protocol):
    """Displays the progress of a running audit."""

    def __call__(self, seen: int, in_all: int) -> None:
        """Show how many orders or events have been seen. `in_all` is an estimate."""


class AuditReader(Protocol):
    """Gives the audit access to everything that is stored."""

    async def audit(
        self,
        now: datetime,
        stuck_after: timedelta,
        *,
        broker_reachable: bool,
        progress: AuditProgress,
    ) -> AuditReport:
        """Check a snapshot of all data without loading all of it into memory.

        Raises:
            Unavailable: the storage is unreachable.
        """

    async def last_position(self) -> int:
        """Return the highest position of all published events, or 0 if there are none.

        Raises:
            Unavailable: the storage is unreachable.
        """

    async def facts(self, after: int, up_to: int, limit: int) -> Sequence[Fact]:
        """Return at most `limit` facts with `after` < position <= `up_to`, by position.

        Raises:
            Unavailable: the storage is unreachable.
        """
