"""The whole service over adapters in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from adapters.memory.cache import MemoryOrderCache
from adapters.memory.outbox import MemoryOutboxBell
from adapters.serialisation.events import JsonEventRenderer
from application.cache_updates import UpdateCache
from application.change_order_status import ChangeOrderStatus
from application.create_order import CreateOrder, PlacedOrder, PlaceOrder
from application.documents import OrderDocument
from application.pay_cache_debts import PayCacheDebts
from application.ports.orders import OrderCache
from application.ports.transaction import UnitOfWork
from application.process_order import ProcessOrder
from application.read_order import ReadOrder
from application.relay_outbox import RelayOutbox
from application.write_order import OrderWriter
from domain.ids import OrderId
from domain.order import Order
from domain.policy import StatusPolicy
from tests.support.acts import an_owner
from tests.support.adapters import Adapters, memory_adapters
from tests.support.faults import Broker
from tests.support.orders import IDS, RENDERER, tea
from tests.support.time import MovableClock

CACHE_TTL_SECONDS: Final = 300


async def nothing() -> None:
    """What most shops do while they fulfil an order."""


class Shop:
    """`Fulfilment` that notes what it fulfilled; a test may let something happen meanwhile."""

    def __init__(self) -> None:
        self.fulfilled: list[OrderId] = []
        self.meanwhile: Callable[[], Awaitable[object]] = nothing

    async def fulfil(self, order: Order) -> None:
        await self.meanwhile()
        self.fulfilled.append(order.id)


@dataclass
class Service:
    """The use cases about orders, and what they share."""

    policy: StatusPolicy = StatusPolicy.OWNER
    clock: MovableClock = field(default_factory=MovableClock)
    cache: OrderCache = field(default_factory=lambda: MemoryOrderCache(CACHE_TTL_SECONDS))
    bell: MemoryOutboxBell = field(default_factory=MemoryOutboxBell)
    broker: Broker = field(default_factory=Broker)
    shop: Shop = field(default_factory=Shop)

    def __post_init__(self) -> None:
        self.stored: Adapters = memory_adapters(self.clock)
        self.writer = OrderWriter(RENDERER, JsonEventRenderer(), self.clock, IDS)
        self.create = CreateOrder(
            self.stored.new_orders, self.cache, self.writer, self.bell, self.clock, IDS
        )
        self.change = self.changing(self.stored.begin)
        self.process = self.processing(self.stored.begin)
        self.read = ReadOrder(self.cache, self.stored.reader)
        self.relay = self.relaying()

    def relaying(self) -> RelayOutbox:
        """A new relay over the same storage, cache and broker, which remembers nothing."""
        stored = self.stored
        update_cache = UpdateCache(stored.reader, self.cache)
        lifetime = timedelta(seconds=CACHE_TTL_SECONDS)
        pay_debts = PayCacheDebts(stored.cache_debts, self.cache, update_cache, lifetime)
        return RelayOutbox(stored.outbox, self.broker, update_cache, pay_debts)

    def changing(self, begin: UnitOfWork) -> ChangeOrderStatus:
        """`ChangeOrderStatus` with transactions of these."""
        return ChangeOrderStatus(
            begin, self.policy, self.cache, RENDERER, self.writer, self.bell, self.clock
        )

    def processing(self, begin: UnitOfWork) -> ProcessOrder:
        """`ProcessOrder` with transactions of these."""
        return ProcessOrder(begin, self.shop, self.cache, self.writer, self.bell, self.clock)

    async def placed(self, reference: str | None = None) -> PlacedOrder:
        """A new order of a new owner; its bell has been heard."""
        owner = await an_owner(self.stored)
        placed = await self.create(PlaceOrder(owner, tea(), reference))
        await self.bell.wait(0)
        return placed

    async def cached(self, order_id: OrderId) -> OrderDocument | None:
        """What the cache has of the order."""
        return (await self.cache.get(order_id)).document

    @property
    def bell_rang(self) -> bool:
        """Whether the bell has rung since it was heard."""
        return self.bell._rung.is_set()
