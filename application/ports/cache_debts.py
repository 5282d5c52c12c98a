"""Debts to the cache: orders whose cached copy may be stale because the cache was unavailable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.ids import OrderId


@dataclass(frozen=True, slots=True)
class CacheDebt:
    """An order that must be written to the cache, and the time of the last failed attempt."""

    order_id: OrderId
    owed_at: datetime


class CacheDebts(Protocol):
    """Stores debts, at most one per order. They are added by `OutboxBatch.published`.

    All times come from the storage's clock. Any number of processes can settle debts concurrently.
    """

    async def oldest(self, limit: int) -> Sequence[CacheDebt]:
        """Return at most `limit` debts, oldest first."""

    async def settle(self, debts: Sequence[CacheDebt]) -> None:
        """Delete debts, except for those that have been renewed since they were read."""

    async def count(self, limit: int) -> tuple[int, datetime]:
        """Count debts up to `limit`. Return the number and the time just before counting."""

    async def settle_all(self, owed_by: datetime) -> None:
        """Delete all debts that are owed since `owed_by` or longer."""
