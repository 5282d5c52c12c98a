"""Update the cache after it was unavailable."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from application.delivery.refresh_cache import RefreshCache
from application.ports.cache_debts import CacheDebt, CacheDebts
from application.ports.orders import OrderCache

BATCH: Final = 200
#: If there are more debts, the whole cache is invalidated instead of settling each.
MAX_DEBTS: Final = 10_000


class SettleCacheDebts:
    """Settle one batch of debts to the cache, the oldest first.

    While the cache is unavailable a round tries a single order, so that an outage costs little.
    A debt older than `lifetime` is deleted: the stale entry has expired.
    """

    def __init__(
        self, debts: CacheDebts, cache: OrderCache, update_cache: RefreshCache, lifetime: timedelta
    ) -> None:
        self._debts = debts
        self._cache = cache
        self._update_cache = update_cache
        self._lifetime = lifetime
        self._limit = 1

    async def __call__(self) -> int:
        """Return the number of settled debts."""
        owed = await self._debts.oldest(self._limit)
        if not owed:
            return 0
        count, counted_at = await self._debts.count(MAX_DEBTS + 1)
        await self._debts.settle_all(counted_at - self._lifetime)
        if count <= MAX_DEBTS:
            return await self._settle(owed)
        # A debt that is recorded later, but owed earlier, is covered by the invalidation too.
        if await self._cache.invalidate_all():
            await self._debts.settle_all(counted_at)
            return count
        return 0

    async def _settle(self, owed: Sequence[CacheDebt]) -> int:
        not_written = await self._update_cache([debt.order_id for debt in owed])
        settled = [debt for debt in owed if debt.order_id not in not_written]
        await self._debts.settle(settled)
        self._limit = 1 if not_written else BATCH
        return len(settled)
