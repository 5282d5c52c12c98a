"""What the clients of a run have seen."""

from collections import Counter
from dataclasses import dataclass, field
from time import monotonic


@dataclass(slots=True)
class SeenOrder:
    """An order that a client has received, with every acknowledged status by version."""

    id: str
    user_id: str
    statuses: dict[int, str]
    #: When the newest version was acknowledged.
    acknowledged_at: float

    @property
    def version(self) -> int:
        """The newest acknowledged version."""
        return max(self.statuses)

    def acknowledge(self, version: int, status: str) -> None:
        """Record the response to a change."""
        if version not in self.statuses:
            self.acknowledged_at = monotonic()
        self.statuses[version] = status


@dataclass(slots=True)
class Journal:
    """All orders, all responses, and everything that must not happen."""

    orders: list[SeenOrder] = field(default_factory=list)
    responses: Counter[str] = field(default_factory=Counter)
    #: Idempotency keys whose response the client never received.
    unanswered: int = 0
    wrong: list[str] = field(default_factory=list)
    #: For reads that were older than an own acknowledged write: how old that write was, in seconds.
    stale_seconds: list[float] = field(default_factory=list)
    #: Latencies of successful requests, in seconds, since the last sample.
    latencies: list[float] = field(default_factory=list)
    acknowledged_orders: int = 0

    def placed(self, id_: str, user_id: str) -> SeenOrder:
        """Record an accepted order."""
        order = SeenOrder(id_, user_id, {1: "PENDING"}, monotonic())
        self.orders.append(order)
        self.acknowledged_orders += 1
        return order
