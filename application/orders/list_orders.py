"""Listing orders."""

from dataclasses import dataclass, replace

from application.errors import NotYourOrders
from application.ports.orders import OrderFilter, OrderPage, OrderReader
from domain.actor import Actor
from domain.ids import OrderId


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One page of the orders that `reader` wants to see."""

    reader: Actor
    wanted: OrderFilter
    after: OrderId | None = None
    limit: int = 50


class ListOrders:
    """Show orders, newest first: their own to users, everybody's to staff.

    Raises:
        NotYourOrders: a user asked for somebody else's.
    """

    def __init__(self, reader: OrderReader) -> None:
        self._reader = reader

    async def __call__(self, query: ListQuery) -> OrderPage:
        """Read one page."""
        wanted = query.wanted
        if not query.reader.sees_everything:
            if wanted.owner not in {None, query.reader.id}:
                raise NotYourOrders
            wanted = replace(wanted, owner=query.reader.id)
        return await self._reader.page(wanted, query.after, query.limit)
