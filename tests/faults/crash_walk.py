"""Kill the process before and after every call of a port in the life of three orders.

The process is the service's container with a wrapper around each port. A kill drops the container.
A new container repeats the interrupted step, as a client or a restarted loop does, and goes on.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from dishka.provider import BaseProvider

from application.delivery.audit_orders import AuditOrders
from application.ports.accounts import Accounts
from application.ports.orders import OrderReader
from domain.account import Account
from domain.actor import Role
from entrypoints.settings import load_settings
from tests.faults.walked_life import (
    CANCELED_EARLY,
    DEAD_LETTERED,
    FULFILLED,
    LIFE,
    ORDERS,
    Customer,
    Process,
    Step,
)
from tests.faults.walked_ports import Servers, ServersProvider, WalkedPorts
from tests.model.interruptions import Crash, Killed, Points
from tests.support.app import UNLIMITED
from tests.support.processes import Processes
from tests.support.time import NOW

#: More rounds than are needed until nothing is left to do.
_MAX_ROUNDS: Final = 10
_SETTINGS: Final = {"STUCK_AFTER": "86400"}


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


class WalkFailed(AssertionError):
    """A promise was broken after a kill at point `at`, or without a kill if that is -1."""

    def __init__(self, at: int, step: str | None, error: Exception) -> None:
        where = "without a kill" if at < 0 else f"killed at point {at}, in the step {step!r}"
        super().__init__(f"{where}: {type(error).__name__}: {error}")
        self.at = at


async def walk(storage: Storage, *, every: int = 1, points: Sequence[int] | None = None) -> Walk:
    """Live once without a kill, and then once for each of the points, with a kill there.

    Without `points`, that is every `every`-th point.

    Raises:
        WalkFailed: a promise was broken.
    """
    overrides = [*storage.providers(), ServersProvider()]
    settings = load_settings({**UNLIMITED, **_SETTINGS, **storage.settings})
    processes = Processes(settings, *overrides, WalkedPorts(overrides))
    life = _Life(processes, await storage.empty())
    try:
        report = Walk(await life.live(None))
    except Exception as error:
        raise WalkFailed(-1, None, error) from error
    total = report.points.total()
    for at in range(0, total, every) if points is None else points:
        if at not in range(total):
            continue
        life = _Life(processes, await storage.empty())
        try:
            await life.live(at)
        except Exception as error:
            raise WalkFailed(at, life.killed_in, error) from error
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
        handed_over = {str(order_id).encode() for order_id in queue.added}
        assert committed <= handed_over, "a committed message was not handed over"

    async def _check_cache(self) -> None:
        """Check that the cache only has stored revisions."""
        cache = self._servers.cache
        async with self._process() as process:
            reader = await process.container.get(OrderReader)
            stored = await reader.find_many(list(cache.keys))
        for order_id in cache.keys:
            cached = cache.peek(order_id)
            assert order_id in stored, "the cache has an order that is not stored"
            is_stored = cached is None or cached.revision <= stored[order_id].revision
            assert is_stored, "the cache has a revision that is not stored"

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
    assert report.is_clean, f"the audit found {report.lost.reasons} {report.duplicated.reasons}"
    counts = report.orders, report.processed, report.unpublished
    assert counts == (3, 3, 0), f"{counts} orders, processed and unpublished, not (3, 3, 0)"
    reader = await process.container.get(OrderReader)
    documents = await reader.find_many(list(process.customer.ids.values()))
    versions = {name: documents[process.customer.ids[name]].version for name in ORDERS}
    assert versions == {FULFILLED: 3, CANCELED_EARLY: 2, DEAD_LETTERED: 1}, versions
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
    }, f"revisions were published as {list(revisions.values())}"
