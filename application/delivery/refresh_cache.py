"""Write orders to the cache as they are currently stored."""

from collections.abc import Collection

from application.ports.orders import OrderCache, OrderReader
from domain.ids import OrderId


class RefreshCache:
    """Read orders from the storage and write them to the cache."""

    def __init__(self, reader: OrderReader, cache: OrderCache) -> None:
        self._reader = reader
        self._cache = cache

    async def __call__(self, order_ids: Collection[OrderId]) -> frozenset[OrderId]:
        """Return the orders that could not be written because the cache is unavailable.

        Ids of orders that don't exist are ignored.
        """
        if not order_ids:
            return frozenset()
        return await self._cache.put_many(await self._reader.find_many([*order_ids]))
