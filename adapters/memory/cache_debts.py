"""Orders whose cached copy may be stale."""

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
        """Return at most `limit` debts, the oldest first."""
        by_age = sorted(self._debts.items(), key=lambda item: item[1])
        return [CacheDebt(order_id, owed_at) for order_id, owed_at in islice(by_age, limit)]

    async def settle(self, debts: Sequence[CacheDebt]) -> None:
        """Delete debts, except those that were renewed after they had been read."""
        for debt in debts:
            if self._debts.get(debt.order_id) == debt.owed_at:
                del self._debts[debt.order_id]

    async def count(self, limit: int) -> tuple[int, datetime]:
        """Count debts up to `limit`; return the number and the moment before counting."""
        return min(len(self._debts), limit), self._clock.now()

    async def settle_all(self, owed_by: datetime) -> None:
        """Delete every debt that is not younger than `owed_by`."""
        for order_id in [each for each, owed_at in self._debts.items() if owed_at <= owed_by]:
            del self._debts[order_id]
