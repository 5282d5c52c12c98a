"""Update the cache after an outage."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from application.delivery.refresh_cache import RefreshCache
from application.ports.cache_debts import CacheDebt, CacheDebts
from application.ports.orders import OrderCache

BATCH: Final = 200
#: If there are more debts than this, the whole cache is invalidated instead.
MAX_DEBTS: Final = 10_000


class SettleCacheDebts:
    """Settle one batch of debts to the cache, oldest first.

    While the cache is unavailable, each round only tries a single order to keep the cost of an
    outage low. Debts older than `lifetime` are deleted because the stale entries have expired.
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
        # This includes debts that are owed from before the count but only get recorded after it.
        # The invalidation covers those too.
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
