"""A cache that the writes of other processes do not reach, made honest."""

from collections.abc import Mapping
from typing import Final

from application.documents import OrderDocument
from application.ports.orders import CacheAnswer, CacheState, OrderCache, OrderReader
from domain.ids import OrderId

#: The lease of an order that is cached in another revision than the stored one.
_OUTDATED: Final = "outdated"


class CheckedOrderCache:
    """Compares the order's revision with the stored one before it trusts a cache of one process."""

    def __init__(self, cache: OrderCache, reader: OrderReader) -> None:
        self._cache = cache
        self._reader = reader

    async def get(self, order_id: OrderId) -> CacheAnswer:
        """Return the cached order if no other process has written it since.

        Raises:
            Unavailable: the storage is out of reach.
        """
        answer = await self._cache.get(order_id)
        if answer.document is None:
            return answer
        if answer.document.revision == await self._reader.revision(order_id):
            return answer
        return CacheAnswer(CacheState.MISS, lease=_OUTDATED)

    async def fill(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """Cache an order that was read from the storage after `lease` had been taken."""
        if lease == _OUTDATED:
            await self._cache.put(order_id, document)
        else:
            await self._cache.fill(order_id, document, lease)

    async def put(self, order_id: OrderId, document: OrderDocument) -> bool:
        """Replace an older revision of a written order, and end its lease."""
        return await self._cache.put(order_id, document)

    async def put_many(self, documents: Mapping[OrderId, OrderDocument]) -> frozenset[OrderId]:
        """As `put`, for several orders; return those that could not be written."""
        return await self._cache.put_many(documents)

    def reserve(self, order_id: OrderId) -> str | None:
        """Return a lease of an order that is about to be stored for the first time."""
        return self._cache.reserve(order_id)

    def offer(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """Cache a new order."""
        self._cache.offer(order_id, document, lease)

    async def invalidate_all(self) -> bool:
        """Make everything that is cached unreachable."""
        return await self._cache.invalidate_all()
