"""Kill the process before and after every call of a port in the life of three orders.

The process is the service's container with a wrapper around each port. A kill drops the container.
A new container repeats the interrupted step, as a client or a restarted loop does, and goes on.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

from dishka import AsyncContainer
from dishka.provider import BaseProvider

from application.delivery.audit_orders import AuditOrders
from application.delivery.dead_letter_message import DeadLetterMessage
from application.delivery.dead_letter_order import DeadLetterOrder
from application.delivery.hand_over_order import HandOverOrder
from application.delivery.purge import PurgeExpired
from application.delivery.relay_outbox import RelayOutbox
from application.delivery.replay_dead_letters import ReplayDeadLetters
from application.delivery.replay_events import ReplayEvents
from application.delivery.requeue_stalled import RequeueStalledOrders
from application.delivery.topics import NEW_ORDER
from application.errors import ProcessingFailed
from application.orders.change_status import ChangeStatus, ChangeStatusCommand
from application.orders.place_order import PlaceOrder, PlaceOrderCommand
from application.orders.place_order_once import PlaceOrderOnce
from application.orders.process_order import ProcessOrder
from application.orders.read_order import ReadOrder
from application.ports.accounts import Accounts
from application.ports.orders import OrderFilter, OrderReader
from domain.account import Account
from domain.actor import Actor, ActorKind, Role
from domain.errors import ReferenceTaken
from domain.ids import OrderId, UserId
from domain.order.status import OrderStatus
from entrypoints.messaging.consumer import Consumer
from entrypoints.settings import load_settings
from tests.faults.walked_ports import Servers, ServersProvider, WalkedPorts
from tests.model.interruptions import Crash, Killed, Points, interruptible
from tests.model.surroundings import EndOfLog
from tests.support.app import UNLIMITED
from tests.support.orders import CANCELED, PAID, SHIPPED, a_user_id, tea
from tests.support.processes import Processes
from tests.support.time import NOW

T = TypeVar("T")

#: The three orders, named after what happens to them.
FULFILLED: Final = "fulfilled"
CANCELED_EARLY: Final = "canceled early"
DEAD_LETTERED: Final = "dead-lettered"
ORDERS: Final = (FULFILLED, CANCELED_EARLY, DEAD_LETTERED)
#: Requeues every published order, whenever it was handed over.
_ANY_AGE: Final = timedelta(seconds=-60)
#: More rounds than are needed until nothing is left to do.
_MAX_ROUNDS: Final = 10
_SETTINGS: Final = {"STUCK_AFTER": "86400"}


@dataclass(frozen=True, slots=True)
class Customer:
    """The owner of the orders, and their ids."""

    id: UserId = field(default_factory=a_user_id)
    ids: dict[str, OrderId] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        return Actor(ActorKind.USER, self.id)


@dataclass(frozen=True, slots=True)
class Process:
    """One process, which ends with its container."""

    container: AsyncContainer
    points: Points
    servers: Servers
    customer: Customer

    async def _get(self, use_case: type[T]) -> T:
        return await self.container.get(use_case)

    async def place_by_reference(self, name: str) -> None:
        """Place an order without an idempotency key, or find the one that was stored."""
        place = await self._get(PlaceOrder)
        try:
            placed = await place(PlaceOrderCommand(self.customer.id, tea(), name))
        except ReferenceTaken:
            reader = await self.container.get(OrderReader)
            wanted = OrderFilter(owner=self.customer.id, reference=name)
            [document] = (await reader.page(wanted, None, 2)).orders
            self.customer.ids[name] = OrderId(UUID(json.loads(document.body)["id"]))
        else:
            self.customer.ids[name] = placed.id

    async def place(self, name: str) -> None:
        """Place an order with its name as the idempotency key."""
        place = await self._get(PlaceOrderOnce)
        placed = await place(PlaceOrderCommand(self.customer.id, tea()), name)
        assert self.customer.ids.setdefault(name, placed.id) == placed.id
        if name == DEAD_LETTERED:
            self.servers.shop.refused.add(placed.id)

    async def change(self, name: str, status: OrderStatus) -> None:
        """Change an order's status as its owner."""
        change = await self._get(ChangeStatus)
        await change(ChangeStatusCommand(self.customer.ids[name], status, self.customer.actor))

    async def read(self, name: str) -> None:
        """Read an order, possibly from the cache."""
        read = await self._get(ReadOrder)
        await read(self.customer.ids[name], self.customer.actor)

    async def relay(self) -> int:
        """Run one round of the relay."""
        relay = await self._get(RelayOutbox)
        return await relay()

    async def consume(self) -> None:
        """Consume all messages."""
        consumer = Consumer(
            NEW_ORDER,
            await self._get(HandOverOrder),
            await self.container.get(OrderReader),
            await self._get(DeadLetterMessage),
        )
        try:
            await consumer.run(interruptible(self.servers.topic, self.points))
        except EndOfLog:
            return

    async def work(self) -> None:
        """Run all tasks. A failed one becomes a dead letter. Only then is it acknowledged."""
        process, dead_letter = await self._get(ProcessOrder), await self._get(DeadLetterOrder)
        waiting = self.servers.queue.waiting
        while waiting:
            try:
                await process(waiting[0])
            except ProcessingFailed as error:
                await dead_letter(waiting[0], str(error), 5)
            waiting.pop(0)

    async def requeue(self) -> None:
        """Requeue all unprocessed orders."""
        requeue = await self._get(RequeueStalledOrders)
        await requeue(_ANY_AGE)
        await requeue.release()

    async def replay_events(self) -> None:
        """Replay the fulfilled order's events."""
        replay = await self._get(ReplayEvents)
        await replay.of_order(self.customer.ids[FULFILLED])

    async def replay_dead_letters(self) -> None:
        """Replay all dead letters, after the cause of their failures has been remedied."""
        self.servers.shop.refused.clear()
        replay = await self._get(ReplayDeadLetters)
        await replay.all()

    async def purge(self) -> None:
        """Purge expired data."""
        purge = await self._get(PurgeExpired)
        await purge(lambda: None)


Step = tuple[str, Callable[[Process], Awaitable[object]]]

#: The life of the three orders.
LIFE: Final[Sequence[Step]] = (
    ("place the first order", lambda at: at.place(FULFILLED)),
    ("place the second order", lambda at: at.place_by_reference(CANCELED_EARLY)),
    ("place the third order", lambda at: at.place(DEAD_LETTERED)),
    ("read", lambda at: at.read(FULFILLED)),
    ("pay", lambda at: at.change(FULFILLED, PAID)),
    ("cancel", lambda at: at.change(CANCELED_EARLY, CANCELED)),
    ("publish", Process.relay),
    ("hand over", Process.consume),
    ("process", Process.work),
    ("publish the results", Process.relay),
    ("ship", lambda at: at.change(FULFILLED, SHIPPED)),
    ("replay events", Process.replay_events),
    ("publish the replay", Process.relay),
    ("replay dead letters", Process.replay_dead_letters),
    ("publish the dead letter again", Process.relay),
    ("hand over again", Process.consume),
    ("requeue", Process.requeue),
    ("process again", Process.work),
    ("publish the last results", Process.relay),
    ("purge", Process.purge),
)


@dataclass(slots=True)
class Walk:
    """The result of a walk: how many points each step has, and how many kills there were."""

    points: Counter[str] = field(default_factory=Counter)
    kills: int = 0


class Storage(Protocol):
    """A storage that survives its processes."""

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings of its processes."""

    def providers(self) -> Sequence[BaseProvider]:
        """Return the providers of its ports."""

    async def empty(self) -> Mapping[Any, Any]:
        """Return an empty storage, as values for the context of the providers."""


async def walk(storage: Storage, *, every: int = 1) -> Walk:
    """Live once without a kill, and then once for every `every`-th point, with a kill there."""
    overrides = [*storage.providers(), ServersProvider()]
    settings = load_settings({**UNLIMITED, **_SETTINGS, **storage.settings})
    processes = Processes(settings, *overrides, WalkedPorts(overrides))
    report = Walk(await _Life(processes, await storage.empty()).live(None))
    for at in range(0, report.points.total(), every):
        life = _Life(processes, await storage.empty())
        try:
            await life.live(at)
        except BaseException as error:
            error.add_note(f"killed at point {at}, in the step {life.killed_in!r}")
            raise
        assert life.killed_in is not None
        report.kills += 1
    return report


class _Life:
    """One life of the three orders, with at most one kill."""

    def __init__(self, processes: Processes, storage: Mapping[Any, Any]) -> None:
        self._servers = Servers()
        self._points = Points()
        self._processes = processes
        self._context = {**storage, Servers: self._servers, Points: self._points}
        self._customer = Customer()
        self.killed_in: str | None = None

    async def live(self, kill_at: int | None) -> Counter[str]:
        """Run all steps, finish all work, and check. Return the number of points in each step."""
        await self._register()
        self._points.passed = 0
        if kill_at is not None:
            self._points.crash = Crash(kill_at, Killed)
        passed: Counter[str] = Counter()
        steps = list(LIFE)
        while steps:
            async with self._process() as process:
                await self._run(process, steps, passed)
        async with self._process() as process:
            await _finish(process)
            await check(process)
        return passed

    async def _register(self) -> None:
        async with self._process() as process:
            accounts = await process.container.get(Accounts)
            owner, email = self._customer.id, "ada@example.com"
            account = Account(id=owner, email=email, role=Role.USER, created_at=NOW)
            await accounts.add(account, "a hash")

    async def _run(self, process: Process, steps: list[Step], passed: Counter[str]) -> None:
        """Run steps until the process is killed. Remove each step that was completed."""
        while steps:
            name, step = steps[0]
            before = self._points.passed
            try:
                await step(process)
            except Killed:
                self.killed_in = name
                self._check_committed()
                await self._check_cache()
                return
            passed[name] = self._points.passed - before
            steps.pop(0)

    def _check_committed(self) -> None:
        """Check that the orders of committed messages have been handed over."""
        topic, queue = self._servers.topic, self._servers.queue
        committed = {message.key for message in topic.log[: topic.committed]}
        assert committed <= {str(order_id).encode() for order_id in queue.added}

    async def _check_cache(self) -> None:
        """Check that the cache only has stored revisions."""
        cache = self._servers.cache
        async with self._process() as process:
            reader = await process.container.get(OrderReader)
            stored = await reader.find_many(list(cache.keys))
        for order_id in cache.keys:
            cached = cache.peek(order_id)
            assert order_id in stored, "the cache has an order that is not stored"
            assert cached is None or cached.revision <= stored[order_id].revision

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[Process]:
        async with self._processes.start(self._context) as container:
            yield Process(container, self._points, self._servers, self._customer)


async def _finish(process: Process) -> None:
    """Run all roles until there is nothing left to do."""
    await process.replay_dead_letters()
    for _ in range(_MAX_ROUNDS):
        published = await process.relay()
        await process.consume()
        await process.work()
        if not published:
            return
    raise AssertionError("the relay never finishes")


async def check(process: Process) -> None:
    """Check the orders, their events and the audit."""
    audit = await process.container.get(AuditOrders)
    report, _ = await audit(True, lambda *_: None)  # noqa: FBT003 - its only form
    assert report.is_clean, report
    assert (report.orders, report.processed, report.unpublished) == (3, 3, 0), report
    reader = await process.container.get(OrderReader)
    documents = await reader.find_many(list(process.customer.ids.values()))
    versions = {name: documents[process.customer.ids[name]].version for name in ORDERS}
    assert versions == {FULFILLED: 3, CANCELED_EARLY: 2, DEAD_LETTERED: 1}
    _check_events(process)


def _check_events(process: Process) -> None:
    """Check that the first deliveries of each order's revisions have no gap."""
    revisions: dict[object, list[int]] = {}
    for event in process.servers.topic.arrived:
        if event.original is None:  # not a copy of a message
            seen = revisions.setdefault(event.subject, [])
            if event.revision not in seen:
                seen.append(event.revision)
    expected = {FULFILLED: 4, CANCELED_EARLY: 3, DEAD_LETTERED: 2}
    assert revisions == {
        process.customer.ids[name]: list(range(1, last + 1)) for name, last in expected.items()
    }
