"""Which orders' processing has been recorded."""

from asyncio import Event
from collections.abc import Iterable

from domain.ids import OrderId


class ProcessedMessagesTable:
    """A unique index: whoever adds what somebody else is adding waits for their transaction."""

    def __init__(self) -> None:
        self._recorded: set[OrderId] = set()
        self._under_way: dict[OrderId, Event] = {}

    async def add(self, order_id: OrderId, transaction_ended: Event) -> bool:
        """Whether the order was not there; it is the transaction's until that ends."""
        while (other := self._under_way.get(order_id)) not in {None, transaction_ended}:
            await other.wait()
        if order_id in self._recorded or order_id in self._under_way:
            return False
        self._under_way[order_id] = transaction_ended
        return True

    def commit(self, order_ids: Iterable[OrderId]) -> None:
        """Keep what was added."""
        self._recorded.update(order_ids)

    def let_go(self, order_ids: Iterable[OrderId]) -> None:
        """Stop holding what a transaction has added, kept or not."""
        for order_id in order_ids:
            del self._under_way[order_id]
