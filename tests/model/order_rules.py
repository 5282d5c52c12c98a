"""Rules for users and their orders."""

import json
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, multiple, precondition, rule

from application.accounts.password_check import Credentials
from application.accounts.register import Registration
from application.errors import InvalidCredentials
from application.orders.place_order import PlacedOrder, PlaceOrderCommand
from application.orders.read_order import FoundOrder
from application.ports.orders import OrderFilter
from domain.actor import Actor, ActorKind
from domain.errors import EmailTaken, OrderNotFound, ReferenceTaken
from domain.ids import OrderId
from domain.order.policy import StatusPolicy
from domain.order.status import OrderStatus
from tests.model.expected import (
    Action,
    Change,
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
from tests.support.accounts import an_address
from tests.support.orders import STAFF, a_user_id, tea

STRANGER: Final = Actor(ActorKind.USER, a_user_id())
PASSWORD: Final = "correct horse"
_EMAILS: Final = ("a@example.com", "b@example.com", "c@example.com")
_MAX_USERS, _MAX_ORDERS = 3, 6
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


class AccountRules(Machine):
    """Users register and log in. Rules for sessions belong here."""

    @initialize(
        target=Machine.users, policy=st.sampled_from([StatusPolicy.OWNER, StatusPolicy.STAFF])
    )
    def begin(self, policy: StatusPolicy) -> Any:
        self.set_up(policy)
        return self._register(_EMAILS[0], None)

    @precondition(lambda self: len(self.all_users) < _MAX_USERS)
    @rule(target=Machine.users, email=st.sampled_from(_EMAILS), crash=CRASHES)
    def register(self, email: str, crash: Crash | None) -> Any:
        return self._register(email, crash)

    def _register(self, email: str, crash: Crash | None) -> Any:
        registration = Registration(an_address(email), PASSWORD)
        result = self.attempt(result_of(self.system.register(registration), EmailTaken), crash)
        if email in self.all_users:
            assert result in {EmailTaken, INTERRUPTED}
            return multiple()
        login = self.run(self.system.stored.accounts.login(email))
        assert (login is not None) == self.system.points.has_committed
        if login is None:
            assert result is INTERRUPTED
            return multiple()
        user = self.all_users[email] = UserModel(email, login.account.id)
        self._log_in(user)
        return user

    def _log_in(self, user: UserModel) -> None:
        for password in (PASSWORD, "battery staple"):
            credentials = Credentials(an_address(user.email), password, "192.0.2.1")
            result = self.attempt(
                result_of(self.system.log_in(credentials, "Browser/1.0"), InvalidCredentials)
            )
            assert (result is InvalidCredentials) == (password != PASSWORD)


class OrderRules(Machine):
    """Orders are placed, read and changed. Rules for idempotency keys belong here."""

    @precondition(lambda self: len(self.all_orders) < _MAX_ORDERS)
    @rule(
        target=Machine.orders,
        owner=Machine.users,
        reference=st.none() | st.sampled_from(["web-1", "web-2"]),
        crash=CRASHES,
    )
    def place(self, owner: UserModel, reference: str | None, crash: Crash | None) -> Any:
        command = PlaceOrderCommand(owner.id, tea(), reference)
        result = self.attempt(result_of(self.system.place(command), ReferenceTaken), crash)
        new = self.run(self._new_order_ids(owner))
        if reference is not None and reference in {order.reference for order in owner.orders}:
            assert result in {ReferenceTaken, INTERRUPTED}
            assert not new
        assert len(new) == self.system.points.has_committed
        if not new:
            assert result in {ReferenceTaken, INTERRUPTED}
            return multiple()
        [order_id] = new
        order = self._add_order(owner, order_id, reference)
        self.adopt(order, {order.state}, acknowledged=result is not INTERRUPTED)
        return order

    def _add_order(self, owner: UserModel, order_id: OrderId, reference: str | None) -> OrderModel:
        first = StepModel(None, OrderStatus.PENDING, Actor(ActorKind.USER, owner.id), None)
        order = OrderModel(order_id, owner.id, reference, OrderState((first,)))
        owner.orders.append(order)
        self.all_orders[order_id] = order
        return order

    async def _new_order_ids(self, owner: UserModel) -> list[OrderId]:
        page = await self.system.stored.reader.page(OrderFilter(owner=owner.id), None, 200)
        ids = [OrderId(UUID(json.loads(document.body)["id"])) for document in page.orders]
        return [order_id for order_id in ids if order_id not in self.all_orders]

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
