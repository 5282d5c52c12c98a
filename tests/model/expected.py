"""The model: an order is its history and its outcome. Actions map one state to the next."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple, Protocol, TypeAlias

from application.errors import ProcessingFailed
from application.orders.change_status import ChangeStatusCommand
from application.orders.place_order import PlaceOrderCommand
from domain.actor import Actor, Role
from domain.errors import IllegalTransition, OrderHidden, StatusForbidden, VersionConflict
from domain.ids import OrderId, UserId
from domain.order.events import Outcome
from domain.order.policy import StatusPolicy
from domain.order.status import TRANSITIONS, OrderStatus
from tests.model.system import System
from tests.support.orders import STAFF

#: The version or the outcome that an action returns, or the type of the error that it raises.
Result: TypeAlias = int | Outcome | type[Exception] | None


class StepModel(NamedTuple):
    """A step in an order's history."""

    before: OrderStatus | None
    after: OrderStatus
    by: Actor
    reason: str | None


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order after some number of writes."""

    steps: tuple[StepModel, ...]
    outcome: Outcome | None = None

    @property
    def status(self) -> OrderStatus:
        return self.steps[-1].after

    @property
    def version(self) -> int:
        return len(self.steps)

    @property
    def revision(self) -> int:
        return self.version + (self.outcome is not None)


@dataclass(eq=False)
class OrderModel:
    """An order. The cache has at least revision `cached`, if it has the order."""

    id: OrderId
    owner: UserId
    reference: str | None
    state: OrderState
    cached: int = 0

    def __repr__(self) -> str:
        return f"<order {self.state.status} v{self.state.version} {self.state.outcome}>"


@dataclass(eq=False)
class UserModel:
    """A user with the user's orders."""

    email: str
    id: UserId
    password: str
    orders: list[OrderModel] = field(default_factory=list)
    keys: dict[str, "KeyModel"] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<user {self.email}>"


class KeyModel(NamedTuple):
    """The use of an idempotency key."""

    order: OrderModel
    command: PlaceOrderCommand
    at: datetime


class Action(Protocol):
    """A write to an order."""

    def expected(
        self, order: OrderModel, state: OrderState, policy: StatusPolicy
    ) -> tuple[OrderState, Result]:
        """Return the state and the result after the action."""

    async def perform(self, order: OrderModel, system: System) -> Result:
        """Perform the action and return its result."""


@dataclass(frozen=True, slots=True)
class Change:
    """A status change. `accepted` are the versions from `If-Match`, or None without it."""

    status: OrderStatus
    by: Actor | None = None  # None is the owner
    accepted: frozenset[int] | None = None
    reason: str | None = None

    def expected(
        self, order: OrderModel, state: OrderState, policy: StatusPolicy
    ) -> tuple[OrderState, Result]:
        by = self.by or owner_of(order)
        if by not in {owner_of(order), STAFF}:
            return state, OrderHidden
        if self.accepted is not None and state.version not in self.accepted:
            return state, VersionConflict
        is_limited = policy is StatusPolicy.STAFF and by is not STAFF
        if is_limited and self.status not in {OrderStatus.CANCELED, state.status}:
            return state, StatusForbidden
        if self.status is state.status:
            return state, state.version
        if self.status not in TRANSITIONS[state.status]:
            return state, IllegalTransition
        step = StepModel(state.status, self.status, by, self.reason)
        return replace(state, steps=(*state.steps, step)), state.version + 1

    async def perform(self, order: OrderModel, system: System) -> Result:
        by = self.by or owner_of(order)
        command = ChangeStatusCommand(order.id, self.status, by, self.reason, self.accepted)
        try:
            return (await system.change(command)).version
        except (OrderHidden, VersionConflict, StatusForbidden, IllegalTransition) as error:
            return type(error)


@dataclass(frozen=True, slots=True)
class Process:
    """A run of `process_order_task`. If `fails` is set, the fulfilment fails."""

    fails: bool = False

    def expected(
        self, order: OrderModel, state: OrderState, policy: StatusPolicy
    ) -> tuple[OrderState, Result]:
        del order, policy
        if state.outcome is not None:
            return state, None
        if state.status is OrderStatus.CANCELED:
            return replace(state, outcome=Outcome.SKIPPED), Outcome.SKIPPED
        if self.fails:
            return state, ProcessingFailed
        return replace(state, outcome=Outcome.FULFILLED), Outcome.FULFILLED

    async def perform(self, order: OrderModel, system: System) -> Result:
        system.shop.refused = {order.id} if self.fails else set()
        try:
            return await system.process(order.id)
        except ProcessingFailed:
            return ProcessingFailed


def owner_of(order: OrderModel) -> Actor:
    """Return the order's owner as an actor."""
    return Actor.of_role(order.owner, Role.USER)
