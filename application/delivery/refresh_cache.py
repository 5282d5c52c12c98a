"""Writing orders to the cache as they are stored now."""

import asyncio
from collections.abc import Collection

from application.ports.orders import OrderCache, OrderReader
from domain.ids import OrderId


class RefreshCache:
    """Read orders from the storage and write them to the cache, all at the same time."""

    def __init__(self, reader: OrderReader, cache: OrderCache) -> None:
        self._reader = reader
        self._cache = cache

    async def __call__(self, order_ids: Collection[OrderId]) -> frozenset[OrderId]:
        """Return the orders that could not be written, because the cache is unavailable.

        An id without an order needs no writing.
        """
        if not order_ids:
            return frozenset()
        orders = await self._reader.find_many([*order_ids])
        written = await asyncio.gather(
            *(self._cache.put(order_id, document) for order_id, document in orders.items())
        )
        return frozenset(
            order_id for order_id, is_written in zip(orders, written, strict=True) if not is_written
        )
