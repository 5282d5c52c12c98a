"""Adapters that can be unreachable, reject calls, or be interrupted."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from adapters.memory.accounts import MemoryAccounts
from adapters.memory.cache import MemoryOrderCache
from application.documents import Event, OrderDocument, OrderWrite
from application.errors import Unavailable
from application.ports.events import Placement, PublishReport
from application.ports.orders import CacheAnswer, CacheState, OrderCache, OrderRepository
from application.ports.transaction import (
    Completion,
    Effects,
    OrderStorage,
    ProcessedMessages,
    Transaction,
)
from domain.account import Account
from domain.actor import Actor
from domain.ids import EventId, OrderId, UserId
from domain.order.order import Order


class UnreachableCache:
    """An `OrderCache` that is always unreachable. `tried` counts attempted writes."""

    def __init__(self) -> None:
        self.tried = 0

    async def get(self, _order_id: OrderId, _actor: Actor | None = None) -> CacheAnswer:
        return CacheAnswer(CacheState.BYPASS)

    async def fill(self, _order_id: OrderId, _document: OrderDocument, _lease: str) -> None:
        self.tried += 1

    async def put(self, _order_id: OrderId, _document: OrderDocument) -> bool:
        self.tried += 1
        return False

    async def put_many(self, documents: Mapping[OrderId, OrderDocument]) -> frozenset[OrderId]:
        self.tried += len(documents)
        return frozenset(documents)

    async def drop_older(self, revisions: Mapping[OrderId, int]) -> frozenset[OrderId]:
        self.tried += len(revisions)
        return frozenset(revisions)

    def reserve(self, _order_id: OrderId) -> str | None:
        return None

    def offer(self, _order_id: OrderId, _document: OrderDocument, _lease: str) -> None:
        self.tried += 1

    async def invalidate_all(self) -> bool:
        self.tried += 1
        return False


class FlickeringCache:
    """An in-memory `OrderCache` that can become unreachable, together with its entries."""

    def __init__(self) -> None:
        self.is_reachable = True
        self._cache = MemoryOrderCache(300)

    @property
    def _now(self) -> OrderCache:
        return self._cache if self.is_reachable else UnreachableCache()

    async def get(self, order_id: OrderId, actor: Actor | None = None) -> CacheAnswer:
        return await self._now.get(order_id, actor)

    async def fill(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        await self._now.fill(order_id, document, lease)

    async def put(self, order_id: OrderId, document: OrderDocument) -> bool:
        return await self._now.put(order_id, document)

    async def put_many(self, documents: Mapping[OrderId, OrderDocument]) -> frozenset[OrderId]:
        return await self._now.put_many(documents)

    async def drop_older(self, revisions: Mapping[OrderId, int]) -> frozenset[OrderId]:
        return await self._now.drop_older(revisions)

    def reserve(self, order_id: OrderId) -> str | None:
        return self._now.reserve(order_id)

    def offer(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        self._now.offer(order_id, document, lease)

    async def invalidate_all(self) -> bool:
        return await self._now.invalidate_all()


class Broker:
    """An `EventPublisher` that records events, and can reject them or become unavailable.

    It stops responding after `goes_away_after` more events. Events for orders in `cuts_off` don't
    reach it.
    """

    def __init__(self) -> None:
        self.arrived: list[Event] = []
        self.refuses: set[EventId] = set()
        self.cuts_off: set[UUID] = set()
        self.goes_away_after: int | None = None

    async def publish(self, events: Sequence[Event]) -> PublishReport:
        unreached = {e.id: "no leader" for e in events if e.subject in self.cuts_off}
        refused = {e.id: "too large" for e in events if e.id in self.refuses}
        accepted = [e for e in events if e.id not in unreached | refused]
        if self.goes_away_after is not None and len(accepted) > self.goes_away_after:
            self.arrived += accepted[: self.goes_away_after]
            return PublishReport.of_no_answer(events, "no broker answers")
        first = len(self.arrived)
        self.arrived += accepted
        acknowledged = {e.id: Placement(0, offset) for offset, e in enumerate(accepted, first)}
        return PublishReport(acknowledged, refused, unreached)


class UncertainAccounts(MemoryAccounts):
    """Accounts whose storage can be unreachable. `asked` counts calls to `find`."""

    reachable = True
    asked = 0

    async def find(self, user_id: UserId) -> Account | None:
        self.asked += 1
        if not self.reachable:
            raise Unavailable
        return await super().find(user_id)


@dataclass(frozen=True, slots=True)
class _InterruptedOrders:
    orders: OrderRepository
    meanwhile: Callable[[], Awaitable[object]]

    async def get(self, order_id: OrderId) -> Order:
        return await self.orders.get(order_id)

    async def save(self, write: OrderWrite) -> None:
        await self.meanwhile()
        await self.orders.save(write)


@dataclass(frozen=True, slots=True)
class _InterruptedTransaction:
    orders: OrderRepository
    inbox: ProcessedMessages
    effects: Effects
    interrupted: Transaction

    async def commit(self) -> None:
        await self.interrupted.commit()


class Interrupted:
    """An `OrderStorage` that runs an action between each read and the write that follows it."""

    def __init__(self, storage: OrderStorage, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._storage = storage
        self._meanwhile = meanwhile
        self.add = storage.add
        self.add_once = storage.add_once

    async def complete(self, completion: Completion) -> bool:
        await self._meanwhile()
        return await self._storage.complete(completion)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        async with self._storage.begin() as tx:
            orders = _InterruptedOrders(tx.orders, self._meanwhile)
            yield _InterruptedTransaction(orders, tx.inbox, tx.effects, tx)
