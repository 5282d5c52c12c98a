"""Reading one order."""

from collections.abc import Awaitable
from dataclasses import dataclass

from application.documents import OrderDocument
from application.ports.orders import CacheAnswer, CacheState, OrderCache, OrderReader
from domain.actor import Actor
from domain.errors import OrderNotFound
from domain.ids import OrderId


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """An order, and whether the cache had it."""

    document: OrderDocument
    cache: CacheState


class ReadOrder:
    """Show an order to somebody who may see it, from the cache where it can.

    Raises:
        OrderNotFound: there is none, or it is not theirs to see: the two look alike.
    """

    def __init__(self, cache: OrderCache, reader: OrderReader) -> None:
        self._cache = cache
        self._reader = reader

    async def __call__(
        self, order_id: OrderId, reader: Actor, admission: Awaitable[None] | None = None
    ) -> FoundOrder:
        """Read the order.

        `admission` says whether the reader may ask at all. The cache may be asked meanwhile, for
        that is as cheap; the storage may not, and nothing is told before.
        """
        cached = await self._look_up(order_id, admission or _let_in())
        document = cached.document or await self._read_through(order_id, cached.lease)
        if not reader.may_see(document.owner):
            raise OrderNotFound
        return FoundOrder(document, cached.state)

    async def _look_up(self, order_id: OrderId, admission: Awaitable[None]) -> CacheAnswer:
        if self._cache.asks_storage:
            await admission
            return await self._cache.get(order_id)
        try:
            return await self._cache.get(order_id)
        finally:
            await admission

    async def _read_through(self, order_id: OrderId, lease: str | None) -> OrderDocument:
        document = await self._reader.find(order_id)
        if document is None:
            raise OrderNotFound
        if lease is not None:
            await self._cache.fill(order_id, document, lease)
        return document


async def _let_in() -> None:
    """Ask nobody: there is no limit."""
