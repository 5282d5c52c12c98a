"""The base of the state machine: run use cases, interrupt them, and compare the stored orders."""

import json
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from enum import Enum, auto
from typing import Any, ClassVar, Protocol, TypeVar
from uuid import UUID

from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant

from domain.ids import OrderId
from domain.order.policy import StatusPolicy
from tests.model.expected import Action, OrderModel, OrderState, Result, StepModel, UserModel
from tests.model.interruptions import Crash, Killed
from tests.model.system import System
from tests.support.adapters import Adapters

T = TypeVar("T")


class Interrupted(Enum):
    """The result of a use case that was killed or canceled."""

    INTERRUPTED = auto()


INTERRUPTED = Interrupted.INTERRUPTED


async def result_of(use_case: Awaitable[T], *errors: type[Exception]) -> T | type[Exception]:
    """Return a use case's result, or the type of the error if it raises one of these."""
    try:
        return await use_case
    except errors as error:
        return type(error)


class Environment(Protocol):
    """A kind of storage, and the event loop in which it is used."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""

    async def new_adapters(self) -> Adapters:
        """Return all ports on an empty storage."""


class Machine(RuleBasedStateMachine):
    """The model, the system, and the comparison between them.

    Each rule performs one use case, and may interrupt it. After an interruption, the change must be
    stored if it was committed, and must have left no trace otherwise. The rules are in mixins.
    """

    environment: ClassVar[Environment]

    users = Bundle("users")
    orders = Bundle("orders")

    def set_up(self, policy: StatusPolicy) -> None:
        """Begin with an empty storage. Call this in the only `initialize` rule."""
        self.all_users: dict[str, UserModel] = {}
        self.all_orders: dict[UUID, OrderModel] = {}
        self.system = System(self.run(self.environment.new_adapters()), policy)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.environment.run(work)

    def attempt(
        self,
        use_case: Awaitable[T],
        crash: Crash | None = None,
        meanwhile: Callable[[], Awaitable[None]] | None = None,
        meanwhile_at: int = 0,
    ) -> T | Interrupted:
        """Run a use case that may be interrupted."""

        async def interruptible() -> T | Interrupted:
            try:
                return await points.run(use_case)
            except (Killed, CancelledError):
                return INTERRUPTED

        points = self.system.points
        points.crash, points.meanwhile, points.meanwhile_at = crash, meanwhile, meanwhile_at
        result = self.run(interruptible())
        if result is INTERRUPTED:
            self.check_everything()
        return result

    def act(
        self, order: OrderModel, action: Action, crash: Crash | None = None
    ) -> Result | Interrupted:
        """Perform an action, and compare its result and the stored state with the model."""
        after, expected = action.expected(order, order.state, self.system.policy)
        result = self.attempt(action.perform(order, self.system), crash)
        if isinstance(result, Interrupted):
            self.adopt(order, {after if self.system.points.has_committed else order.state})
        else:
            assert result == expected
            self.adopt(order, {after}, acknowledged=after != order.state)
        return result

    def act_during(self, use_case: Awaitable[T], order: OrderModel, action: Action, at: int) -> T:
        """Perform an action during a use case that doesn't change orders. Return its result."""
        after, expected = action.expected(order, order.state, self.system.policy)
        results: list[Result] = []

        async def meanwhile() -> None:
            results.append(await action.perform(order, self.system))

        result = self.attempt(use_case, None, meanwhile, at)
        assert not isinstance(result, Interrupted)
        assert results in ([], [expected])
        allowed = after if results else order.state
        self.adopt(order, {allowed}, acknowledged=allowed != order.state)
        return result

    def act_meanwhile(self, order: OrderModel, first: Action, second: Action, at: int) -> None:
        """Perform the second action during the first. One must seem to follow the other."""
        results: list[Result] = []

        async def meanwhile() -> None:
            results.append(await second.perform(order, self.system))

        async def both() -> Result:
            result = await first.perform(order, self.system)
            if not results:  # the first action ended before its point `at`
                await meanwhile()
            return result

        result = self.attempt(both(), None, meanwhile, at)
        assert not isinstance(result, Interrupted)
        sequences = list(self._sequences(order, first, second))
        allowed = {state for state, *expected in sequences if expected == [result, results[0]]}
        assert allowed, (result, results, sequences)
        self.adopt(order, allowed, acknowledged=order.state not in allowed)

    def _sequences(
        self, order: OrderModel, first: Action, second: Action
    ) -> Iterator[tuple[OrderState, Result, Result]]:
        """Yield the state and both results for each sequence of the actions."""
        policy = self.system.policy
        state, one = first.expected(order, order.state, policy)
        state, two = second.expected(order, state, policy)
        yield state, one, two
        state, two = second.expected(order, order.state, policy)
        state, one = first.expected(order, state, policy)
        yield state, one, two

    def adopt(
        self, order: OrderModel, allowed: Collection[OrderState], *, acknowledged: bool = False
    ) -> None:
        """Check that the stored order is in an allowed state, and make it the model's state."""
        order.state = self.run(self._stored_state(order))
        assert order.state in allowed
        if acknowledged and self.system.cache.is_reachable:
            order.cached = order.state.revision

    async def _stored_state(self, order: OrderModel) -> OrderState:
        """Return the stored state. Its order, history and effects must agree."""
        stored = self.system.stored
        document, found = await stored.reader.find(order.id), await stored.history.steps(order.id)
        assert document is not None
        assert found is not None
        assert (document.owner, found[0]) == (order.owner, order.owner)
        steps = [StepModel(each.before, each.after, each.by, each.reason) for each in found[1]]
        effects = await stored.stored_facts.effects(order.id)
        assert len(effects) == document.is_processed
        state = OrderState(tuple(steps), effects[0] if effects else None)
        assert (document.version, document.revision) == (state.version, state.revision)
        shown = json.loads(document.body)
        assert (shown["status"], shown["version"]) == (state.status, state.version)
        return state

    @invariant()
    def each_order_is_published_by_revision(self) -> None:
        seen: dict[UUID, int] = {}
        for event in self.system.topic.arrived:
            last = seen.get(event.subject, 0)
            assert event.revision <= last + 1
            seen[event.subject] = max(last, event.revision)

    @invariant()
    def cache_has_stored_orders_that_are_not_older_than_acknowledged_ones(self) -> None:
        assert self.system.cache.keys <= self.all_orders.keys()
        for order in self.all_orders.values():
            cached = self.system.cache.peek(order.id)
            assert cached is None or order.cached <= cached.revision <= order.state.revision

    @invariant()
    def committed_messages_have_been_handed_over(self) -> None:
        topic = self.system.topic
        handed_over = {str(order_id).encode() for order_id in self.system.queue.added}
        known = {str(order_id).encode() for order_id in self.all_orders}
        keys = {message.key for message in topic.log[: topic.committed]}
        assert keys & known <= handed_over

    def check_everything(self) -> None:
        """Check the audit and the cache against the whole storage."""
        self.run(self._check_audit())
        self.run(self._check_marks())

    async def _check_audit(self) -> None:
        report, _ = await self.system.audit(True, lambda *_: None)  # noqa: FBT003 - its only form
        assert report.lost.reasons == {}
        assert report.duplicated.ids == []
        assert set(report.stuck.ids) == await self.dead_orders()

    async def dead_orders(self) -> set[OrderId]:
        """Return the unprocessed orders with a waiting dead letter."""
        stored = self.system.stored
        waiting = await stored.dead_letters.waiting(1_000)
        ids = [each.order_id for each in waiting if each.order_id is not None]
        documents = await stored.reader.find_many(ids)
        return {order_id for order_id, each in documents.items() if not each.is_processed}

    async def _check_marks(self) -> None:
        """Check that marked events have arrived and are in the cache, unless there is a debt."""
        stored = self.system.stored
        arrived = {event.id: event for event in self.system.topic.arrived}
        debts = {debt.order_id for debt in await stored.cache_debts.oldest(1_000)}
        for event_id in await stored.stored_facts.published():
            event = arrived[event_id]
            cached = self.system.cache.peek(OrderId(event.subject))
            assert cached is None or event.subject in debts or cached.revision >= event.revision
