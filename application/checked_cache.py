"""A cache that nobody else's writes reach, made honest."""

from application.documents import OrderDocument
from application.ports.orders import CacheAnswer, CacheState, OrderCache, OrderReader
from domain.ids import OrderId


class CheckedOrderCache:
    """Asks the storage for the order's revision before it trusts a cache of this process alone."""

    asks_storage = True

    def __init__(self, cache: OrderCache, reader: OrderReader) -> None:
        self._cache = cache
        self._reader = reader

    async def get(self, order_id: OrderId) -> CacheAnswer:
        """The cached order where no other process has written it since.

        Raises:
            Unavailable: the storage cannot be asked.
        """
        answer = await self._cache.get(order_id)
        if answer.document is None:
            return answer
        if answer.document.revision == await self._reader.revision(order_id):
            return answer
        return CacheAnswer(CacheState.MISS)

    async def put(self, order_id: OrderId, document: OrderDocument) -> bool:
        """Keep the order unless a newer revision is known."""
        return await self._cache.put(order_id, document)

    async def invalidate_all(self) -> bool:
        """Make everything that is cached unreachable."""
        return await self._cache.invalidate_all()

    def offer(self, order_id: OrderId, document: OrderDocument) -> None:
        """Keep a new order."""
        self._cache.offer(order_id, document)
