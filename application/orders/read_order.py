"""Read one order."""

from dataclasses import dataclass

from application.documents import OrderDocument
from application.ports.orders import CacheState, OrderCache, OrderReader
from domain.actor import Actor
from domain.errors import OrderNotFound
from domain.ids import OrderId


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """An order, and whether it came from the cache."""

    document: OrderDocument
    cache: CacheState


class ReadOrder:
    """Read an order from the cache, or from the storage if it isn't cached.

    Raises:
        OrderNotFound: the order doesn't exist or belongs to another user. Both look the same.
    """

    def __init__(self, cache: OrderCache, reader: OrderReader) -> None:
        self._cache = cache
        self._reader = reader

    async def __call__(self, order_id: OrderId, actor: Actor) -> FoundOrder:
        """Return the order if the actor may see it."""
        cached = await self._cache.get(order_id, actor)
        document = cached.document or await self._read_through(order_id, actor, cached.lease)
        return FoundOrder(document, cached.state)

    async def _read_through(
        self, order_id: OrderId, actor: Actor, lease: str | None
    ) -> OrderDocument:
        document = await self._reader.find(order_id)
        if document is None:
            raise OrderNotFound
        # Before the cache is filled, because that takes time and reveals that the order exists.
        actor.ensure_may_see(document.owner)
        if lease is not None:
            await self._cache.fill(order_id, document, lease)
        return document
