"""Counting what the cache answers."""

from collections.abc import Mapping
from typing import Final

from application.documents import OrderDocument
from application.ports.orders import CacheAnswer, CacheState, OrderCache
from domain.ids import OrderId
from entrypoints.observability.metrics.table import CACHE_READS

_READS: Final = {state: CACHE_READS.labels(state.name.lower()) for state in CacheState}


class CountedOrderCache:
    """`OrderCache` whose answers are counted."""

    def __init__(self, cache: OrderCache) -> None:
        self.counted = cache

    async def get(self, order_id: OrderId) -> CacheAnswer:
        """The cached order."""
        answer = await self.counted.get(order_id)
        _READS[answer.state].inc()
        return answer

    async def fill(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """Cache an order that was read after the lease had been taken."""
        await self.counted.fill(order_id, document, lease)

    async def put(self, order_id: OrderId, document: OrderDocument) -> bool:
        """Replace an older revision of a written order."""
        return await self.counted.put(order_id, document)

    async def put_many(self, documents: Mapping[OrderId, OrderDocument]) -> frozenset[OrderId]:
        """As `put`, for several orders; return those that could not be written."""
        return await self.counted.put_many(documents)

    def reserve(self, order_id: OrderId) -> str | None:
        """Return a lease of an order that is about to be stored."""
        return self.counted.reserve(order_id)

    def offer(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """Cache a new order."""
        self.counted.offer(order_id, document, lease)

    async def invalidate_all(self) -> bool:
        """Make everything that is cached unreachable."""
        return await self.counted.invalidate_all()
