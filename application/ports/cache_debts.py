"""Debts to the cache: orders whose cached copy may be stale, because it was unavailable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.ids import OrderId


@dataclass(frozen=True, slots=True)
class CacheDebt:
    """An order that has to be written to the cache, and the moment of the last failed attempt."""

    order_id: OrderId
    owed_at: datetime


class CacheDebts(Protocol):
    """Durable debts, at most one an order. The outbox adds them (`OutboxBatch.not_cached`).

    Moments are those of the storage's clock. Any number of processes may pay debts at once.
    """

    async def oldest(self, limit: int) -> Sequence[CacheDebt]:
        """Return at most `limit` debts, the oldest first."""

    async def settle(self, debts: Sequence[CacheDebt]) -> None:
        """Delete debts, except those that were renewed after they had been read."""

    async def count(self, limit: int) -> tuple[int, datetime]:
        """Count debts up to `limit`; return the number and the moment before counting."""

    async def settle_all(self, owed_by: datetime) -> None:
        """Delete every debt that is not younger than `owed_by`."""
