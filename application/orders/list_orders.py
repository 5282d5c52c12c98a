"""List orders."""

from dataclasses import dataclass, replace

from application.errors import NotYourOrders
from application.ports.orders import OrderFilter, OrderPage, OrderReader
from domain.actor import Actor
from domain.ids import OrderId


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A query for one page of orders that match `wanted` and are visible to `actor`."""

    actor: Actor
    wanted: OrderFilter
    after: OrderId | None = None
    limit: int = 50


class ListOrders:
    """List orders, newest first. Users get their own orders and staff get everyone's.

    Raises:
        NotYourOrders: the query is for an owner whose orders the actor may not see.
    """

    def __init__(self, reader: OrderReader) -> None:
        self._reader = reader

    async def __call__(self, query: ListQuery) -> OrderPage:
        """Return one page."""
        actor, wanted = query.actor, query.wanted
        if wanted.owner is not None and not actor.may_see(wanted.owner):
            raise NotYourOrders
        if not actor.sees_everything:
            wanted = replace(wanted, owner=actor.user_id)
        return await self._reader.page(wanted, query.after, query.limit)
