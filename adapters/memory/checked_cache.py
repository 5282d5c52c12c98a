"""Make an in-process cache safe to use while other processes are writing orders."""

from collections.abc import Mapping
from typing import Final

from application.documents import OrderDocument
from application.ports.orders import CacheAnswer, CacheState, OrderCache, OrderReader
from domain.actor import Actor
from domain.ids import OrderId

#: The lease for an order if its cached revision is different from the stored one.
_OUTDATED: Final = "outdated"


class CheckedOrderCache:
    """An `OrderCache` that compares the revision of every HIT with the stored revision."""

    def __init__(self, cache: OrderCache, reader: OrderReader) -> None:
        self._cache = cache
        self._reader = reader

    async def get(self, order_id: OrderId, actor: Actor | None = None) -> CacheAnswer:
        """Return the cached order if its revision is still the current one.

        Raises:
            Unavailable: the storage is unreachable.
        """
        answer = await self._cache.get(order_id, actor)
        if answer.document is None:
            return answer
        if answer.document.revision == await self._reader.revision(order_id):
            return answer
        return CacheAnswer(CacheState.MISS, lease=_OUTDATED)

    async def fill(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """Cache an order that was read from the storage after taking `lease`."""
        if lease == _OUTDATED:
            await self._cache.put(order_id, document)
        else:
            await self._cache.fill(order_id, document, lease)

    async def put(self, order_id: OrderId, document: OrderDocument) -> bool:
        """Replace an older revision and end the lease."""
        return await self._cache.put(order_id, document)

    async def put_many(self, documents: Mapping[OrderId, OrderDocument]) -> frozenset[OrderId]:
        """Like `put`, but for several orders. Return those that could not be written."""
        return await self._cache.put_many(documents)

    async def drop_older(self, revisions: Mapping[OrderId, int]) -> frozenset[OrderId]:
        """Drop entries that are older than these revisions."""
        return await self._cache.drop_older(revisions)

    def reserve(self, order_id: OrderId) -> str | None:
        """Return a lease for a new order."""
        return self._cache.reserve(order_id)

    def offer(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """Cache a new order."""
        self._cache.offer(order_id, document, lease)

    async def invalidate_all(self) -> bool:
        """Drop all entries."""
        return await self._cache.invalidate_all()
