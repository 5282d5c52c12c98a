"""List orders."""

from dataclasses import dataclass, replace

from application.errors import NotYourOrders
from application.ports.orders import OrderFilter, OrderPage, OrderReader
from domain.actor import Actor
from domain.ids import OrderId


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One page of the orders that match `wanted` and that `actor` may see."""

    actor: Actor
    wanted: OrderFilter
    after: OrderId | None = None
    limit: int = 50


class ListOrders:
    """Return orders, newest first: a user's own, or those of all users for staff.

    Raises:
        NotYourOrders: the actor may not see orders of the wanted owner.
    """

    def __init__(self, reader: OrderReader) -> None:
        self._reader = reader

    async def __call__(self, query: ListQuery) -> OrderPage:
        """Read one page."""
        actor, wanted = query.actor, query.wanted
        if wanted.owner is not None and not actor.may_see(wanted.owner):
            raise NotYourOrders
        if not actor.sees_everything:
            wanted = replace(wanted, owner=actor.id)
        return await self._reader.page(wanted, query.after, query.limit)
