"""Everything that outlives the service's processes, except the storage."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from adapters.memory.cache import MemoryOrderCache
from application.delivery.topics import NEW_ORDER
from application.documents import Event, OrderDocument
from application.ports.events import Delivery, PublishReport
from domain.ids import OrderId
from domain.order.order import Order
from tests.support.faults import Broker, FlickeringCache
from tests.support.messages import message_of
from tests.support.time import MovableClock

CACHE_TTL_SECONDS: Final = 300


class EndOfLog(Exception):
    """There are no more messages."""


class Topic(Broker):
    """A broker, and its messages on `new_order` as one consumer group receives them."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Delivery] = []
        self.committed = 0
        self._position = 0

    async def publish(self, events: Sequence[Event]) -> PublishReport:
        before = len(self.arrived)
        report = await super().publish(events)
        self.log += [message_of(each) for each in self.arrived[before:] if each.topic == NEW_ORDER]
        return report

    async def receive(self) -> Sequence[Delivery]:
        """Return uncommitted messages. Unlike a real source, end the loop if there are none."""
        if self.committed == len(self.log):
            raise EndOfLog
        self._position = len(self.log)
        return self.log[self.committed :]

    async def commit(self) -> None:
        self.committed = self._position

    async def lag(self) -> Mapping[int, int]:
        return {0: len(self.log) - self.committed}


class Queue:
    """A `TaskQueue`. `added` contains every order that has ever been handed over."""

    def __init__(self) -> None:
        self.waiting: list[OrderId] = []
        self.added: set[OrderId] = set()

    async def process_order(self, order_id: OrderId) -> bool:
        self.added.add(order_id)
        if order_id in self.waiting:
            return False
        self.waiting.append(order_id)
        return True


class Shop:
    """A `Fulfilment` that fails for the orders in `refused`, and counts the others."""

    def __init__(self) -> None:
        self.refused: set[OrderId] = set()
        self.fulfilled: set[OrderId] = set()

    async def fulfil(self, order: Order) -> None:
        if order.id in self.refused:
            raise RuntimeError("out of stock")
        self.fulfilled.add(order.id)


class SharedCache(FlickeringCache):
    """A cache for all processes, which can become unreachable, with a clock that can be moved."""

    def __init__(self, clock: MovableClock) -> None:
        super().__init__()
        self._cache = MemoryOrderCache(CACHE_TTL_SECONDS, clock=clock.monotonic)

    @property
    def keys(self) -> AbstractSet[OrderId]:
        """The ids of all entries."""
        return self._cache._entries.keys()

    def peek(self, order_id: OrderId) -> OrderDocument | None:
        """Return the entry even if the cache is unreachable, and without taking a lease."""
        entry = self._cache._living(order_id)
        return None if entry is None else entry.document
