"""Query orders and their history."""

from asyncio import sleep
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from adapters.memory.orders_table import StoredOrder
from adapters.memory.storage import MemoryStorage
from application.documents import OrderDocument, OrderRecord
from application.ports.orders import OrderFilter, OrderPage
from domain.ids import OrderId, UserId
from domain.order.history import Step


class MemoryOrderReader:
    """`OrderReader`, `KnownOrders` and `HistoryReader` in memory."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self._orders = storage.orders

    async def find(self, order_id: OrderId) -> OrderDocument | None:
        """Return the order, or None if it does not exist."""
        await sleep(0)
        stored = self._orders.find(order_id)
        return stored.document if stored else None

    async def find_many(self, order_ids: Sequence[OrderId]) -> dict[OrderId, OrderDocument]:
        """Return the orders that exist, by id."""
        await sleep(0)
        found = {order_id: self._orders.find(order_id) for order_id in order_ids}
        return {order_id: stored.document for order_id, stored in found.items() if stored}

    async def existing(self, order_ids: Collection[OrderId]) -> frozenset[OrderId]:
        """Return those of the ids that belong to an order."""
        await sleep(0)
        return frozenset(order_id for order_id in order_ids if self._orders.find(order_id))

    async def revision(self, order_id: OrderId) -> int | None:
        """Return the order's current revision, or None if it does not exist."""
        await sleep(0)
        stored = self._orders.find(order_id)
        if stored is None or stored.record.owner in self._storage.erased:
            return None
        return stored.record.revision

    async def page(self, wanted: OrderFilter, after: OrderId | None, limit: int) -> OrderPage:
        """Return at most `limit` orders after the order `after`, newest first.

        There are indexes for the owner and the reference. All other conditions are checked order by
        order.
        """
        await sleep(0)
        found = list(islice(self._matching(wanted, after), limit + 1))
        shown = found[:limit]
        more = len(found) > len(shown) > 0
        return OrderPage(
            [stored.document for stored in shown], shown[-1].record.id if more else None
        )

    def _matching(self, wanted: OrderFilter, after: OrderId | None) -> Iterator[StoredOrder]:
        candidates = self._orders.newest_first(wanted.owner, wanted.reference, after)
        return (stored for stored in candidates if _matches(wanted, stored.record))

    async def steps(self, order_id: OrderId) -> tuple[UserId, Sequence[Step]] | None:
        """Return the order's owner and steps, oldest first, or None if it does not exist."""
        await sleep(0)
        stored = self._orders.find(order_id)
        return (stored.record.owner, stored.steps) if stored else None


def _matches(wanted: OrderFilter, order: OrderRecord) -> bool:
    return (
        (not wanted.statuses or order.status in wanted.statuses)
        and (wanted.reference is None or order.reference == wanted.reference)
        and (wanted.created_after is None or order.created_at >= wanted.created_after)
        and (wanted.created_before is None or order.created_at < wanted.created_before)
    )
