"""The exactly-once audit: what the books say of every order."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from domain.ids import OrderId

#: How many orders of a kind are named.
NAMED: Final = 20


@dataclass(slots=True)
class Bad:
    """Orders of which something is wrong: how many, and the first of them by name."""

    count: int = 0
    ids: list[OrderId] = field(default_factory=list)

    def add(self, order_id: OrderId) -> None:
        """Count one more."""
        self.count += 1
        if len(self.ids) < NAMED:
            self.ids.append(order_id)


@dataclass(slots=True)
class AuditReport:
    """What is so, in one consistent look at everything.

    - pending: not processed, and younger than `stuck_after`, or waiting for a broker out of reach;
    - stuck: not processed, and older, or a dead letter that was not put back;
    - lost: an order, a step of its history or its processing without its fact in the outbox, or
      a fact without what it tells of;
    - duplicated: more than one row in the ledger of effects.
    """

    orders: int = 0
    published: int = 0
    processed: int = 0
    pending: int = 0
    lost: Bad = field(default_factory=Bad)
    duplicated: Bad = field(default_factory=Bad)
    stuck: Bad = field(default_factory=Bad)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost.count or self.duplicated.count or self.stuck.count)


class AuditProgress(Protocol):
    """Whoever watches an audit."""

    def __call__(self, orders_seen: int, orders_in_all: int) -> None:
        """Hear how far it is; `orders_in_all` is an estimate."""


class Books(Protocol):
    """All that is stored, seen by the auditor."""

    async def audit(
        self,
        now: datetime,
        stuck_after: timedelta,
        *,
        broker_reachable: bool,
        progress: AuditProgress,
    ) -> AuditReport:
        """Look at everything at one moment, without keeping it in memory.

        Raises:
            Unavailable: the storage is out of reach.
        """
