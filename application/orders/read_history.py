"""Reading how an order came to its status."""

from collections.abc import Sequence

from application.ports.orders import HistoryReader
from domain.actor import Actor
from domain.errors import OrderNotFound
from domain.ids import OrderId
from domain.order.history import Step


class ReadHistory:
    """Show the steps of an order's lifecycle, oldest first, to somebody who may see the order.

    Raises:
        OrderNotFound: there is none, or it is not theirs to see.
    """

    def __init__(self, history: HistoryReader) -> None:
        self._history = history

    async def __call__(self, order_id: OrderId, reader: Actor) -> Sequence[Step]:
        """Read the steps."""
        found = await self._history.steps(order_id)
        if found is None or not reader.may_see(found[0]):
            raise OrderNotFound
        return found[1]
