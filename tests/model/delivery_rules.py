"""Rules for events, messages and tasks."""

from datetime import timedelta
from enum import Enum, auto
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from application.delivery.topics import DEAD_LETTERS
from application.errors import BrokerUnavailable, ProcessingFailed
from application.ports.events import Delivery
from tests.model.expected import Action, OrderModel, Process
from tests.model.interruptions import CRASHES, Crash
from tests.model.machine import INTERRUPTED, Machine, result_of
from tests.model.order_rules import ACTIONS, POINTS
from tests.model.surroundings import EndOfLog

#: Longer than any pause or wait before an event is published again.
_RETRY_SECONDS: Final = 90
_DAY_SECONDS: Final = 86_400
#: Includes all published orders, because an order is stalled since its last hand-over.
_ANY_AGE: Final = timedelta(seconds=-60)
#: In the first round, new orders are processed. In the second, their last events are published.
_ROUNDS: Final = 2


#: Skips a rule while it wouldn't have anything to do.
has_orders: Final = precondition(lambda self: self.all_orders)


class Fault(Enum):
    """A server that breaks, or is healed if it was broken. For TIME and DAY, time only passes."""

    BROKER = auto()
    PARTITION = auto()
    CACHE = auto()
    QUEUE = auto()
    TIME = auto()
    DAY = auto()


class RelayRules(Machine):
    """The relay publishes events, while the broker and the cache come and go."""

    @has_orders
    @rule(crash=CRASHES)
    def relay(self, crash: Crash | None) -> None:
        self.attempt(result_of(self.system.new_relay()(), BrokerUnavailable), crash)
        self.check_everything()

    @rule(order=Machine.orders, action=st.none() | ACTIONS, at=POINTS)
    def act_during_a_relay(self, order: OrderModel, action: Action | None, at: int) -> None:
        """Change an order while its event is being published, or run a second relay."""
        relay = result_of(self.system.new_relay()(), BrokerUnavailable)
        if action is None:
            self.attempt(relay, None, self._relay_too, at)
        else:
            self.act_during(relay, order, action, at)
        self.check_everything()

    async def _relay_too(self) -> None:
        await result_of(self.system.new_relay()(), BrokerUnavailable)

    @rule(order=Machine.orders, fault=st.sampled_from(Fault))
    def break_or_heal_a_server(self, order: OrderModel, fault: Fault) -> None:
        topic, cache = self.system.topic, self.system.cache
        match fault:
            case Fault.BROKER:
                topic.goes_away_after = 1 if topic.goes_away_after is None else None
            case Fault.PARTITION:
                topic.cuts_off ^= {order.id}
            case Fault.CACHE:
                cache.is_reachable = not cache.is_reachable
            case Fault.QUEUE:
                self.system.queue.waiting.clear()
            case Fault.TIME:
                self.run(self.system.pass_time(_RETRY_SECONDS))
            case Fault.DAY:
                self.run(self.system.pass_time(_DAY_SECONDS))

    @rule(order=Machine.orders, crash=CRASHES)
    def replay_events(self, order: OrderModel, crash: Crash | None) -> None:
        self.attempt(self.system.replay_events.of_order(order.id), crash)


class ConsumerRules(Machine):
    """Messages are delivered at least once, and orders are handed over and processed."""

    @precondition(lambda self: len(self.system.topic.log) > self.system.topic.committed)
    @rule(crash=CRASHES)
    def consume(self, crash: Crash | None) -> None:
        result = self.attempt(result_of(self.system.consume(), EndOfLog), crash)
        assert result in {EndOfLog, INTERRUPTED}

    @precondition(lambda self: self.system.topic.log)
    @rule(messages=st.integers(0, 5))
    def deliver_again(self, messages: int) -> None:
        """Receive messages again, together with one that cannot be read."""
        topic = self.system.topic
        topic.committed = max(0, topic.committed - messages)
        topic.log.append(Delivery(b"key", b"value"))

    @has_orders
    @rule(crash=CRASHES)
    def requeue(self, crash: Crash | None) -> None:
        self.attempt(self.system.new_requeuer()(_ANY_AGE), crash)

    @rule(order=Machine.orders, fails=st.booleans(), crash=CRASHES, second_crash=CRASHES)
    def work(
        self, order: OrderModel, *, fails: bool, crash: Crash | None, second_crash: Crash | None
    ) -> None:
        """Hand an order over (again) and process it. If this fails, it becomes a dead letter."""
        self.run(self.system.queue.process_order(order.id))
        result = self.act(order, Process(fails=fails), crash)
        if result is ProcessingFailed:
            dead_letter = self.system.dead_letter_order(order.id, "out of stock", 5)
            result = self.attempt(dead_letter, second_crash)
            assert result is INTERRUPTED or order.id in self.run(self.dead_orders())
        if result is not INTERRUPTED:
            self.system.queue.waiting.remove(order.id)

    @has_orders
    @rule(crash=CRASHES)
    def replay_dead_letters(self, crash: Crash | None) -> None:
        self.attempt(self.system.replay_dead_letters.all(), crash)

    @has_orders
    @rule()
    def settle(self) -> None:
        """Heal everything and finish all work. Each order is then published and processed."""
        system = self.system
        system.topic.goes_away_after, system.cache.is_reachable = None, True
        system.topic.cuts_off.clear()
        self.run(system.replay_dead_letters.all())
        for _ in range(_ROUNDS):
            self._do_all_work()
        assert not self.run(system.new_relay().has_work())
        for order in self.all_orders.values():
            self.adopt(order, {order.state})
            assert order.state.outcome is not None
            cached = system.cache.peek(order.id)
            assert cached is None or cached.revision == order.state.revision
        self.run(self._check_settled())

    def _do_all_work(self) -> None:
        self.run(self.system.pass_time(_RETRY_SECONDS))
        while self.run(self.system.new_relay()()):
            pass
        self.run(result_of(self.system.consume(), EndOfLog))
        self.run(self.system.new_requeuer()(_ANY_AGE))
        for order_id in self.system.queue.waiting:
            self.act(self.all_orders[order_id], Process())
        self.system.queue.waiting.clear()

    async def _check_settled(self) -> None:
        report, _ = await self.system.audit(True, lambda *_: None)  # noqa: FBT003 - its only form
        assert report.is_clean
        assert (report.pending, report.unpublished) == (0, 0)
        assert report.orders == report.published == report.processed == len(self.all_orders)
        arrived = self.system.topic.arrived
        copies = {event.subject for event in arrived if event.topic == DEAD_LETTERS}
        assert {each.id for each in await self.system.stored.dead_letters.waiting(1_000)} <= copies
