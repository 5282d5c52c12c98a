"""Read the history of an order."""

from collections.abc import Sequence

from application.ports.orders import HistoryReader
from domain.actor import Actor
from domain.errors import OrderNotFound
from domain.ids import OrderId
from domain.order.history import Step


class ReadHistory:
    """Return the steps of an order's lifecycle, oldest first, to an actor that may see the order.

    Raises:
        OrderNotFound: there is no such order, or it is another user's; the two look alike.
    """

    def __init__(self, history: HistoryReader) -> None:
        self._history = history

    async def __call__(self, order_id: OrderId, actor: Actor) -> Sequence[Step]:
        """Read the steps."""
        found = await self._history.steps(order_id)
        if found is None:
            raise OrderNotFound
        owner, steps = found
        actor.ensure_may_see(owner)
        return steps
