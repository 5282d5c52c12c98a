"""Store debts to the cache in memory."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from adapters.memory.storage import MemoryStorage
from application.ports.cache_debts import CacheDebt
from application.ports.system import Clock


class MemoryCacheDebts:
    """`CacheDebts` in memory."""

    def __init__(self, storage: MemoryStorage, clock: Clock) -> None:
        self._debts = storage.cache_debts
        self._clock = clock

    async def oldest(self, limit: int) -> Sequence[CacheDebt]:
        """Return at most `limit` debts, oldest first."""
        by_age = sorted(self._debts.items(), key=lambda item: item[1])
        return [CacheDebt(order_id, owed_at) for order_id, owed_at in islice(by_age, limit)]

    async def settle(self, debts: Sequence[CacheDebt]) -> None:
        """Delete debts, except for those that have been renewed since they were read."""
        for debt in debts:
            if self._debts.get(debt.order_id) == debt.owed_at:
                del self._debts[debt.order_id]

    async def count(self, limit: int) -> tuple[int, datetime]:
        """Count debts up to `limit`. Return the number and the current time."""
        return min(len(self._debts), limit), self._clock.now()

    async def settle_all(self, owed_by: datetime) -> None:
        """Delete all debts that are owed since `owed_by` or longer."""
        for order_id in [each for each, owed_at in self._debts.items() if owed_at <= owed_by]:
            del self._debts[order_id]
