"""Count cache reads."""

from typing import Final

from application.ports.orders import CacheAnswer, CacheState, OrderCache
from domain.actor import Actor
from domain.ids import OrderId
from entrypoints.observability.metrics.table import CACHE_READS

_READS: Final = {state: CACHE_READS.labels(state.name.lower()) for state in CacheState}


class CountedOrderCache:
    """An `OrderCache` that counts its reads. All other methods belong to the wrapped cache."""

    def __init__(self, cache: OrderCache) -> None:
        self.counted = cache
        self.fill = cache.fill
        self.put = cache.put
        self.put_many = cache.put_many
        self.drop_older = cache.drop_older
        self.reserve = cache.reserve
        self.offer = cache.offer
        self.invalidate_all = cache.invalidate_all

    async def get(self, order_id: OrderId, actor: Actor | None = None) -> CacheAnswer:
        """Return the cached order."""
        answer = await self.counted.get(order_id, actor)
        _READS[answer.state].inc()
        return answer
