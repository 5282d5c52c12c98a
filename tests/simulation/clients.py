"""Clients that place, change and read orders, and remember every response."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from application.errors import ConcurrentUpdate, IdempotencyInProgress, Unavailable
from application.orders.change_status import ChangeStatus, ChangeStatusCommand
from application.orders.place_order import PlaceOrder, PlaceOrderCommand
from application.orders.place_order_once import PlaceOrderOnce
from application.orders.read_order import ReadOrder
from domain.actor import Actor, ActorKind
from domain.errors import IllegalTransition, ReferenceTaken
from domain.ids import OrderId, UserId
from domain.order.status import OrderStatus
from tests.simulation.process import ConnectionLost
from tests.support.orders import CANCELED, PAID, SHIPPED, tea

if TYPE_CHECKING:
    from tests.simulation.deployment import Deployment

T = TypeVar("T")

_PAUSES_SECONDS: Final = (0.5, 0.0, 0.01, 0.1, 1.0, 3.0)
_RETRY_SECONDS: Final = 0.7
_CHANGES: Final = (PAID, SHIPPED, CANCELED)


@dataclass(slots=True)
class KnownOrder:
    """What the clients know about an order: every acknowledged status, by version."""

    id: OrderId
    owner: UserId
    acknowledged: dict[int, OrderStatus] = field(default_factory=lambda: {1: OrderStatus.PENDING})
    #: The newest version of a write whose process could reach the cache all the time.
    cached_version: int = 1

    @property
    def version(self) -> int:
        """The newest acknowledged version."""
        return max(self.acknowledged)


class Client:
    """A user with one request at a time."""

    def __init__(self, deployment: "Deployment", number: int) -> None:
        self._deployment, self._world = deployment, deployment.world
        self._choices = deployment.world.choices
        self._name = f"client {number}"
        self.id = UserId(self._world.ids.new(self._world.clock.now()))
        self.actor = Actor(ActorKind.USER, self.id)
        self.orders: list[KnownOrder] = []
        self._names = 0

    async def run(self, until: float) -> None:
        """Send requests until this time."""
        while self._world.loop.time() < until:
            await self._act()
            pause = self._choices.draw("pause", len(_PAUSES_SECONDS))
            await asyncio.sleep(_PAUSES_SECONDS[pause])

    async def _act(self) -> None:
        match self._choices.draw("action", 8):
            case 0:
                return
            case 1 | 2:
                await self._place()
            case 3:
                await self._change(await self._place(), PAID)
            case 4 | 5 if self.orders:
                await self._read(self._choose())
            case _ if self.orders:
                await self._change(self._choose())

    def _choose(self) -> KnownOrder:
        return self.orders[self._choices.draw("order", len(self.orders))]

    async def _place(self) -> KnownOrder:
        """Place an order with a key or a reference, and repeat this until there is a response."""
        self._names += 1
        name = f"{self._name} {self._names}"
        if self._choices.draw("by reference", 2):
            id_ = await self._place_by_reference(name)
        else:
            command = PlaceOrderCommand(self.id, tea())
            placed = await self._repeat(lambda: self._request(PlaceOrderOnce, command, name))
            id_ = placed.id
        order = KnownOrder(id_, self.id)
        self.orders.append(order)
        self._world.note(f"{self._name} has placed {order.id}")
        return order

    async def _place_by_reference(self, reference: str) -> OrderId:
        """Place an order. If it has already been stored without a response, look it up."""
        command = PlaceOrderCommand(self.id, tea(), reference)
        try:
            placed = await self._repeat(lambda: self._request(PlaceOrder, command))
        except ReferenceTaken:
            orders = self._world.storage.orders.newest_first(self.id, None, None)
            [order] = [each.record for each in orders if each.record.reference == reference]
            return order.id
        return placed.id

    async def _change(self, order: KnownOrder, status: OrderStatus | None = None) -> None:
        """Change an order's status, and repeat this until there is a response."""
        status = status or _CHANGES[self._choices.draw("status", len(_CHANGES))]
        command = ChangeStatusCommand(order.id, status, self.actor)
        outages, was_away = self._world.cache_outages, self._world.is_cache_away
        try:
            document = await self._repeat(lambda: self._request(ChangeStatus, command))
        except IllegalTransition:
            return
        order.acknowledged[document.version] = status
        if outages == self._world.cache_outages and not was_away:
            order.cached_version = max(order.cached_version, document.version)
        self._world.note(f"{self._name} has changed {order.id} to {status} v{document.version}")

    async def _read(self, order: KnownOrder) -> None:
        """Read an order. It must not be older than an acknowledged write."""
        stored, cached = order.version, order.cached_version
        try:
            found = await self._request(ReadOrder, order.id, self.actor)
        except (ConnectionLost, Unavailable):
            return
        expected = cached if found.cache.name == "HIT" else stored
        if found.document.version < expected:
            self._world.fail(
                f"{self._name} read version {found.document.version} of {order.id}"
                f" ({found.cache.name}) after version {expected}"
            )

    async def _request(self, use_case: type[Callable[..., Awaitable[T]]], *arguments: Any) -> T:
        apis = [each for each in self._deployment.apis if each.is_ready]
        if not apis:
            raise ConnectionLost
        api = apis[self._choices.draw("api", len(apis))]
        return await api.respond(use_case, *arguments)

    async def _repeat(self, request: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await request()
            except (ConnectionLost, Unavailable, ConcurrentUpdate, IdempotencyInProgress):
                await asyncio.sleep(_RETRY_SECONDS)
