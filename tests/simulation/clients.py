"""Clients that place, change and read orders, and remember every response."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from application.errors import (
    ConcurrentUpdate,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    Unavailable,
)
from application.orders.change_status import ChangeStatus, ChangeStatusCommand
from application.orders.place_order import PlacedOrder, PlaceOrder, PlaceOrderCommand
from application.orders.place_order_once import PlaceOrderOnce
from application.orders.read_order import ReadOrder
from application.ports.accounts import Login
from domain.account import Account
from domain.actor import Actor, ActorKind
from domain.errors import IllegalTransition, ReferenceTaken
from domain.ids import OrderId, UserId
from domain.order.status import OrderStatus
from tests.simulation.process import RESPONSE_SECONDS, ConnectionLost
from tests.support.orders import CANCELED, PAID, SHIPPED, tea

if TYPE_CHECKING:
    from tests.simulation.deployment import Deployment

T = TypeVar("T")

_PAUSES_SECONDS: Final = (0.5, 0.0, 0.01, 0.1, 1.0, 3.0)
_RETRY_SECONDS: Final = (0.7, 0.2, 0.02)
#: One request in this number is given up early, and sent again while it may still be running.
_IMPATIENT: Final = 8
_PATIENCE_SECONDS: Final = (0.5, 0.05, 0.005)
_HURRY_SECONDS: Final = 0.2
_RECENT_ORDERS: Final = 5
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
        now = self._world.clock.now()
        self.id = UserId(self._world.ids.new(now))
        self.actor = Actor(ActorKind.USER, self.id)
        account = Account(id=self.id, email=f"{number}@example.com", created_at=now)
        self._world.storage.logins[self.id] = Login(account, "a hash")
        self.orders: list[KnownOrder] = []
        self._names = 0
        self._last_key: str | None = None

    async def run(self, until: float) -> None:
        """Send requests until this time."""
        while self._world.loop.time() < until:
            try:
                await self._act()
            except Exception as error:  # noqa: BLE001 - no other error is an answer to its requests
                self._world.fail(f"{self._name} received {error!r}")
            pause = self._choices.draw("pause", len(_PAUSES_SECONDS))
            await asyncio.sleep(_PAUSES_SECONDS[pause])

    async def _act(self) -> None:
        match self._choices.draw("action", 10):
            case 0:
                return
            case 1 | 2:
                await self._place()
            case 3:
                order = await self._place()
                await self._change(order, PAID)
                await self._read(order)
            case 4 if self.orders:
                await self._misuse_key()
            case 5 if self.orders:
                await self._read(self._choose())
            case 6 | 7 if self.orders:
                await self._change_while_reading(self._choose())
            case _ if self.orders:
                await self._change(self._choose())

    def _choose(self) -> KnownOrder:
        """Return one of the last orders, because these are the ones that others change, too."""
        among = min(len(self.orders), _RECENT_ORDERS)
        return self.orders[-1 - self._choices.draw("order", among)]

    async def _place(self) -> KnownOrder:
        """Place an order with a key or a reference, and repeat this until there is a response."""
        self._names += 1
        # All clients use the same keys and references, because each user has their own.
        name = f"order {self._names}"
        match self._choices.draw("way to place", 4):
            case 0:
                id_ = (await self._place_by_key(name)).id
            case 1:
                id_ = await self._place_by_reference(name)
            case 2:
                id_ = await self._place_in_a_hurry(name)
            case _:
                id_ = await self._place_twice(name)
        order = KnownOrder(id_, self.id)
        self.orders.append(order)
        self._world.note(f"{self._name} has placed {order.id}")
        return order

    async def _place_by_key(self, key: str) -> PlacedOrder:
        command = PlaceOrderCommand(self.id, tea())
        self._last_key = key
        return await self._repeat(lambda: self._request(PlaceOrderOnce, command, key))

    async def _place_twice(self, key: str) -> OrderId:
        """Send the same request twice at the same time, as a client with a nervous user does."""
        first, second = await asyncio.gather(self._place_by_key(key), self._place_by_key(key))
        if first.id != second.id:
            self._world.fail(f"{self._name} has two orders with the key {key!r}")
        return first.id

    async def _misuse_key(self) -> None:
        """Send a used key with another order, and a new key with an order that is refused."""
        self._names += 1
        if self._last_key is not None:
            other = PlaceOrderCommand(self.id, tea(3))
            await self._expect(IdempotencyKeyReused, other, self._last_key)
        name = f"order {self._names}"
        await self._place_by_reference_and_remember(name)
        refused = PlaceOrderCommand(self.id, tea(), name)
        for _ in range(2):
            await self._expect(ReferenceTaken, refused, f"refused {name}")

    async def _place_by_reference_and_remember(self, reference: str) -> None:
        self.orders.append(KnownOrder(await self._place_by_reference(reference), self.id))

    async def _expect(self, error: type[Exception], command: PlaceOrderCommand, key: str) -> None:
        """Check that placing an order fails."""
        with suppress(error):
            await self._repeat(lambda: self._request(PlaceOrderOnce, command, key))
            self._world.fail(f"{self._name} placed an order in spite of {error.__name__}")

    async def _place_by_reference(self, reference: str) -> OrderId:
        """Place an order. If it has already been stored without a response, look it up."""
        command = PlaceOrderCommand(self.id, tea(), reference)
        try:
            placed = await self._repeat(lambda: self._request(PlaceOrder, command))
        except ReferenceTaken:
            [order_id] = self._look_up(reference)
            return order_id
        return placed.id

    async def _place_in_a_hurry(self, reference: str) -> OrderId:
        """Place an order, and use it as soon as it is in the list, even without a response."""
        command = PlaceOrderCommand(self.id, tea(), reference)
        with suppress(ConnectionLost, Unavailable):
            return (await self._request(PlaceOrder, command, seconds=_HURRY_SECONDS)).id
        for order_id in self._look_up(reference):
            return order_id
        return await self._place_by_reference(reference)

    def _look_up(self, reference: str) -> Sequence[OrderId]:
        """Return the orders with a reference, like a filtered list."""
        orders = self._world.storage.orders.newest_first(self.id, None, None)
        return [each.record.id for each in orders if each.record.reference == reference]

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

    async def _change_while_reading(self, order: KnownOrder) -> None:
        """Change an order while others read it, and read it afterwards."""
        await asyncio.gather(self._change(order), self._read(order), self._read(order))
        await self._read(order)

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

    async def _request(
        self,
        use_case: type[Callable[..., Awaitable[T]]],
        *arguments: Any,
        seconds: float = RESPONSE_SECONDS,
    ) -> T:
        apis = [each for each in self._deployment.apis if each.is_ready]
        if not apis:
            raise ConnectionLost
        api = apis[self._choices.draw("api", len(apis))]
        if self._choices.happens("impatience", _IMPATIENT):
            seconds = _PATIENCE_SECONDS[self._choices.draw("patience", len(_PATIENCE_SECONDS))]
        return await api.respond(use_case, *arguments, seconds=seconds)

    async def _repeat(self, request: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await request()
            except (ConnectionLost, Unavailable, ConcurrentUpdate, IdempotencyInProgress):
                await asyncio.sleep(
                    _RETRY_SECONDS[self._choices.draw("retry", len(_RETRY_SECONDS))]
                )
