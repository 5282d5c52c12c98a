"""The use cases on in-memory adapters."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from adapters.memory.cache import MemoryOrderCache
from adapters.memory.outbox import MemoryRelayWakeup
from application.delivery.refresh_cache import RefreshCache
from application.delivery.relay_outbox import RelayOutbox
from application.delivery.settle_cache_debts import SettleCacheDebts
from application.documents import OrderDocument
from application.orders.change_status import ChangeStatus
from application.orders.order_writes import OrderWrites
from application.orders.place_order import PlacedOrder, PlaceOrder, PlaceOrderCommand
from application.orders.place_order_once import PlaceOrderOnce
from application.orders.process_order import ProcessOrder
from application.orders.read_order import ReadOrder
from application.ports.orders import OrderCache
from application.ports.transaction import OrderStorage
from domain.ids import OrderId
from domain.order.order import Order
from domain.order.policy import StatusPolicy
from tests.support.adapters import Adapters, memory_adapters
from tests.support.faults import Broker
from tests.support.orders import CHANGE_RENDERER, IDS, tea
from tests.support.storage_actions import an_owner
from tests.support.time import MovableClock

CACHE_TTL_SECONDS: Final = 300


async def nothing() -> None:
    """Do nothing."""


class Shop:
    """A `Fulfilment` that records orders and calls `meanwhile` during each one."""

    def __init__(self) -> None:
        self.fulfilled: list[OrderId] = []
        self.meanwhile: Callable[[], Awaitable[object]] = nothing

    async def fulfil(self, order: Order) -> None:
        await self.meanwhile()
        self.fulfilled.append(order.id)


@dataclass
class Service:
    """The order use cases on one storage and one cache."""

    policy: StatusPolicy = StatusPolicy.OWNER
    clock: MovableClock = field(default_factory=MovableClock)
    cache: OrderCache = field(default_factory=lambda: MemoryOrderCache(CACHE_TTL_SECONDS))
    relay_wakeup: MemoryRelayWakeup = field(default_factory=MemoryRelayWakeup)
    broker: Broker = field(default_factory=Broker)
    shop: Shop = field(default_factory=Shop)

    def __post_init__(self) -> None:
        self.stored: Adapters = memory_adapters(self.clock)
        storage = self.stored.storage
        self.create = PlaceOrder(self.writes(storage), self.clock, IDS)
        self.create_once = PlaceOrderOnce(self.writes(storage), self.clock, IDS)
        self.change = self.changing(storage)
        self.process = self.processing(storage)
        self.read = ReadOrder(self.cache, self.stored.reader)
        self.relay = self.relaying()

    def relaying(self) -> RelayOutbox:
        """Return a new relay on the same storage, cache and broker."""
        stored = self.stored
        update_cache = RefreshCache(stored.reader, self.cache)
        lifetime = timedelta(seconds=CACHE_TTL_SECONDS)
        pay_debts = SettleCacheDebts(stored.cache_debts, self.cache, update_cache, lifetime)
        return RelayOutbox(stored.outbox, self.broker, self.cache, pay_debts)

    def writes(self, storage: OrderStorage) -> OrderWrites:
        """Return `OrderWrites` on `storage`."""
        return OrderWrites(storage, CHANGE_RENDERER, self.cache, self.relay_wakeup)

    def changing(self, storage: OrderStorage) -> ChangeStatus:
        """Return `ChangeStatus` on `storage`."""
        return ChangeStatus(self.writes(storage), self.policy, self.clock)

    def processing(self, storage: OrderStorage) -> ProcessOrder:
        """Return `ProcessOrder` on `storage`."""
        return ProcessOrder(self.writes(storage), self.shop, self.clock)

    async def placed(self, reference: str | None = None) -> PlacedOrder:
        """Place an order for a new owner, and consume the relay's wakeup."""
        owner = await an_owner(self.stored)
        placed = await self.create(PlaceOrderCommand(owner, tea(), reference))
        await self.relay_wakeup.wait(0)
        return placed

    async def cached(self, order_id: OrderId) -> OrderDocument | None:
        """Return the order's cached document, or None."""
        return (await self.cache.get(order_id)).document

    @property
    def relay_was_notified(self) -> bool:
        """Whether the relay has been notified since the last wait."""
        return self.relay_wakeup._notified.is_set()
