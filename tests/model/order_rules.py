"""Rules for orders."""

import json
from collections.abc import Awaitable
from typing import Any, Final
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import multiple, precondition, rule

from application.errors import IdempotencyKeyReused
from application.orders.place_order import PlacedOrder, PlaceOrderCommand
from application.orders.read_order import FoundOrder
from application.ports.idempotency import KEY_LIFETIME
from application.ports.orders import OrderFilter
from domain.actor import Actor, ActorKind
from domain.errors import OrderNotFound, ReferenceTaken
from domain.ids import OrderId
from domain.order.status import OrderStatus
from tests.model.expected import (
    Action,
    Change,
    KeyModel,
    OrderModel,
    OrderState,
    Process,
    Result,
    StepModel,
    UserModel,
    owner_of,
)
from tests.model.interruptions import CRASHES, Crash
from tests.model.machine import INTERRUPTED, Machine, result_of
from tests.support.orders import STAFF, a_user_id, tea

STRANGER: Final = Actor(ActorKind.USER, a_user_id())
#: The point of a use case at which another one runs. Most of them hold locks after these.
POINTS: Final = st.integers(0, 6)

CHANGES: Final = st.builds(
    Change,
    st.sampled_from([OrderStatus.PAID, OrderStatus.CANCELED, *OrderStatus]),
    st.sampled_from([None, STAFF, None, STAFF, None, STAFF, STRANGER]),  # None is the owner
    st.sampled_from([*[None] * 5, frozenset({1, 3}), frozenset({2}), frozenset()]),
    st.none() | st.just("because"),
)
ACTIONS: Final[st.SearchStrategy[Action]] = CHANGES | CHANGES | st.just(Process())


KEYS: Final = st.sampled_from([None, None, "key-1", "key-2"])
_MAX_ORDERS: Final = 6
_REFUSALS: Final = (ReferenceTaken, IdempotencyKeyReused)


class OrderRules(Machine):
    """Orders are placed, with idempotency keys or without, read and changed."""

    @precondition(lambda self: len(self.all_orders) < _MAX_ORDERS)
    @rule(
        target=Machine.orders,
        owner=Machine.users,
        quantity=st.integers(1, 2),
        reference=st.sampled_from([None, None, "web-1", "web-2"]),
        key=KEYS,
        crash=CRASHES,
    )
    def place(
        self,
        owner: UserModel,
        quantity: int,
        reference: str | None,
        key: str | None,
        crash: Crash | None,
    ) -> Any:
        command = PlaceOrderCommand(owner.id, tea(quantity), reference)
        expected = self._expected_placement(owner, command, key)
        result = self.attempt(result_of(self._placing(command, key), *_REFUSALS), crash)
        new = self.run(self._new_order_ids(owner))
        assert len(new) == self.system.points.has_committed
        if isinstance(expected, OrderModel):
            assert not new
            assert result is INTERRUPTED or _is_replay(result, expected)
            return multiple()
        if expected is not None:
            assert result in {expected, INTERRUPTED}
        else:
            assert result is INTERRUPTED or isinstance(result, PlacedOrder)
        if not new:
            return multiple()
        [order_id] = new
        order = self._add_order(owner, order_id, reference)
        if key is not None:
            owner.keys[key] = KeyModel(order, command, self.system.clock.now())
        self.adopt(order, {order.state}, acknowledged=result is not INTERRUPTED)
        return order

    def _placing(self, command: PlaceOrderCommand, key: str | None) -> Awaitable[PlacedOrder]:
        return self.system.place(command) if key is None else self.system.place_once(command, key)

    def _expected_placement(
        self, owner: UserModel, command: PlaceOrderCommand, key: str | None
    ) -> OrderModel | type[Exception] | None:
        """Return the replayed order, the expected error, or None if a new order is expected."""
        used = owner.keys.get(key or "")
        if used is not None and self.system.clock.now() < used.at + KEY_LIFETIME:
            return used.order if used.command == command else IdempotencyKeyReused
        taken = {order.reference for order in owner.orders} - {None}
        return ReferenceTaken if command.reference in taken else None

    async def _new_order_ids(self, owner: UserModel) -> list[OrderId]:
        page = await self.system.stored.reader.page(OrderFilter(owner=owner.id), None, 200)
        ids = [OrderId(UUID(json.loads(document.body)["id"])) for document in page.orders]
        return [order_id for order_id in ids if order_id not in self.all_orders]

    @precondition(lambda self: len(self.all_orders) < _MAX_ORDERS)
    @rule(target=Machine.orders, owner=Machine.users, at=POINTS)
    def place_twice_with_one_key(self, owner: UserModel, at: int) -> Any:
        """Repeat a request while the first one is still running. There is only one new order."""
        command, key = PlaceOrderCommand(owner.id, tea()), uuid4().hex
        results: list[PlacedOrder] = []

        async def place() -> None:
            results.append(await self.system.place_once(command, key))

        self.attempt(place(), None, place, at)
        [order_id] = self.run(self._new_order_ids(owner))
        assert {result.id for result in results} == {order_id}
        assert [result.is_replay for result in results].count(False) == 1
        assert len({result.document.body for result in results}) == 1
        order = self._add_order(owner, order_id, None)
        owner.keys[key] = KeyModel(order, command, self.system.clock.now())
        self.adopt(order, {order.state}, acknowledged=True)
        return order

    def _add_order(self, owner: UserModel, order_id: OrderId, reference: str | None) -> OrderModel:
        first = StepModel(None, OrderStatus.PENDING, Actor(ActorKind.USER, owner.id), None)
        order = OrderModel(order_id, owner.id, reference, OrderState((first,)))
        owner.orders.append(order)
        self.all_orders[order_id] = order
        return order

    @precondition(lambda self: len(self.all_orders) < _MAX_ORDERS)
    @rule(target=Machine.orders, owner=Machine.users, action=ACTIONS, at=POINTS)
    def act_during_a_place(self, owner: UserModel, action: Action, at: int) -> Any:
        """Change a new order as soon as it can be found, which may be before it is returned."""
        results: list[Result] = []

        async def meanwhile() -> None:
            for order_id in await self._new_order_ids(owner):
                order = self._add_order(owner, order_id, None)
                results.append(await action.perform(order, self.system))

        placed = self.attempt(
            self.system.place(PlaceOrderCommand(owner.id, tea())), None, meanwhile, at
        )
        assert isinstance(placed, PlacedOrder)
        if not results:
            order = self._add_order(owner, placed.id, None)
            self.adopt(order, {order.state}, acknowledged=True)
            return order
        order = self.all_orders[placed.id]
        state, expected = action.expected(order, order.state, self.system.policy)
        assert results == [expected]
        self.adopt(order, {state}, acknowledged=True)
        return order

    @rule(order=Machine.orders, change=CHANGES, crash=CRASHES)
    def change(self, order: OrderModel, change: Change, crash: Crash | None) -> None:
        self.act(order, change, crash)

    @rule(order=Machine.orders, first=ACTIONS, second=ACTIONS, at=POINTS)
    def act_during_another_action(
        self, order: OrderModel, first: Action, second: Action, at: int
    ) -> None:
        self.act_meanwhile(order, first, second, at)

    @rule(order=Machine.orders, by=st.sampled_from([None, STAFF, STRANGER]), crash=CRASHES)
    def read(self, order: OrderModel, by: Actor | None, crash: Crash | None) -> None:
        by = by or owner_of(order)
        result = self.attempt(result_of(self.system.read(order.id, by), OrderNotFound), crash)
        if not isinstance(result, FoundOrder):
            assert result is INTERRUPTED or by is STRANGER
            return
        assert by is not STRANGER
        assert order.cached <= result.document.revision <= order.state.revision

    @rule(order=Machine.orders, action=ACTIONS, at=POINTS)
    def act_during_a_read(self, order: OrderModel, action: Action, at: int) -> None:
        found = self.act_during(self.system.read(order.id, STAFF), order, action, at)
        assert found.document.revision <= order.state.revision


def _is_replay(result: object, order: OrderModel) -> bool:
    return isinstance(result, PlacedOrder) and result.is_replay and result.id == order.id
