"""Read an order's history."""

from collections.abc import Sequence

from application.ports.orders import HistoryReader
from domain.actor import Actor
from domain.errors import OrderNotFound
from domain.ids import OrderId
from domain.order.history import Step


class ReadHistory:
    """Read the steps that an order has taken through its lifecycle, oldest first.

    Raises:
        OrderNotFound: the order doesn't exist or belongs to another user. Both look the same.
    """

    def __init__(self, history: HistoryReader) -> None:
        self._history = history

    async def __call__(self, order_id: OrderId, actor: Actor) -> Sequence[Step]:
        """Return the steps if the actor may see the order."""
        found = await self._history.steps(order_id)
        if found is None:
            raise OrderNotFound
        owner, steps = found
        actor.ensure_may_see(owner)
        return steps
