"""Read one order."""

from dataclasses import dataclass

from application.documents import OrderDocument
from application.ports.orders import CacheState, OrderCache, OrderReader
from domain.actor import Actor
from domain.errors import OrderNotFound
from domain.ids import OrderId


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """An order, and how the cache answered."""

    document: OrderDocument
    cache: CacheState


class ReadOrder:
    """Return an order that the actor may see, from the cache if it is there.

    Raises:
        OrderNotFound: there is no such order, or it is another user's; the two look alike.
    """

    def __init__(self, cache: OrderCache, reader: OrderReader) -> None:
        self._cache = cache
        self._reader = reader

    async def __call__(self, order_id: OrderId, actor: Actor) -> FoundOrder:
        """Read the order."""
        cached = await self._cache.get(order_id)
        document = cached.document or await self._read_through(order_id, cached.lease)
        actor.ensure_may_see(document.owner)
        return FoundOrder(document, cached.state)

    async def _read_through(self, order_id: OrderId, lease: str | None) -> OrderDocument:
        document = await self._reader.find(order_id)
        if document is None:
            raise OrderNotFound
        if lease is not None:
            await self._cache.fill(order_id, document, lease)
        return document
