"""The servers of a simulated deployment, and the providers that connect processes to them."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from uuid import UUID

from dishka import AsyncContainer, Provider, Scope, from_context, provide

from adapters.memory.cache import MemoryOrderCache
from adapters.memory.leases import MemoryLeases
from adapters.memory.outbox import MemoryRelayWakeup
from adapters.memory.storage import MemoryStorage
from application.ports.events import Delivery, EventPublisher, EventSources, RelayWakeup
from application.ports.leases import Holder, Leases
from application.ports.mail import Mailer
from application.ports.orders import OrderCache
from application.ports.system import Clock, IdGenerator
from application.ports.tasks import Fulfilment, TaskQueue, UnprocessedOrders
from entrypoints.settings import load_settings
from tests.faults.walked_storages import SurvivingMemoryProvider
from tests.simulation.broker import SimulatedBroker, SimulatedSources
from tests.simulation.cache import CacheChecks, ProcessCache
from tests.simulation.choices import Choices
from tests.simulation.loop import SimulatedLoop
from tests.simulation.outside import MailServer, Shop
from tests.simulation.process import SimulatedProcess
from tests.simulation.queue import SimulatedQueue
from tests.simulation.remote import RemotePorts
from tests.simulation.storage import ProcessQueue, WatchedStorage, WatchedUnprocessedOrders
from tests.support.app import UNLIMITED
from tests.support.processes import Processes

_START: Final = datetime(2026, 1, 2, tzinfo=UTC)
_CACHE_TTL_SECONDS: Final = 300
#: So few that orders are evicted all the time.
_CACHED_ORDERS: Final = 6
_SETTINGS: Final = {"STUCK_AFTER": "86400"}


class VirtualClock:
    """The time of the loop as a `Clock`."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return _START + timedelta(seconds=self._loop.time())


class SeededIds:
    """Ids that are the same in each run with the same seed."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    def new(self, now: datetime) -> UUID:
        return self._choices.new_id(int(now.timestamp() * 1_000))


class World:
    """Everything that outlives the processes, and what has happened so far."""

    sweep_after: timedelta = timedelta(seconds=20)

    def __init__(self, loop: SimulatedLoop, choices: Choices) -> None:
        self.loop, self.choices = loop, choices
        self.clock, self.ids = VirtualClock(loop), SeededIds(choices)
        self.storage = WatchedStorage()
        self.leases = MemoryLeases(self.clock)
        self.broker, self.queue = SimulatedBroker(), SimulatedQueue()
        self.shop, self.mail = Shop(choices, self.fail), MailServer()
        self.cache = MemoryOrderCache(_CACHE_TTL_SECONDS, bound=_CACHED_ORDERS, clock=loop.time)
        self.cache_checks = CacheChecks(self)
        self.wakeup = MemoryRelayWakeup()
        self.is_storage_down = self.is_cache_down = False
        #: How often the cache became unreachable for some process.
        self.cache_outages = 0
        self.cut_off: set[SimulatedProcess] = set()
        #: Whether calls may kill their processes.
        self.may_kill = True
        self.faults: Counter[str] = Counter()
        self.trace: list[str] = []
        self.failures: list[str] = []
        self.has_failed = asyncio.Event()

    @property
    def is_cache_away(self) -> bool:
        """Whether some process cannot reach the cache."""
        return self.is_cache_down or bool(self.cut_off)

    def note(self, event: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{self.loop.time():9.3f} {event}")

    def fail(self, reason: str) -> None:
        """Record that a promise is broken."""
        self.note(f"FAILED: {reason}")
        self.failures.append(reason)
        self.has_failed.set()

    def open_container(
        self, process: SimulatedProcess
    ) -> AbstractAsyncContextManager[AsyncContainer]:
        """Return a container whose ports belong to this process."""
        context = {SimulatedProcess: process, MemoryStorage: self.storage}
        return _processes().start(context)

    def check_committed(self, deliveries: Iterable[Delivery]) -> None:
        """Check that each order was handed over before the offset of its message is committed."""
        added = {str(order_id).encode() for order_id in self.queue.added}
        for delivery in deliveries:
            if delivery.key not in added:
                self.fail(f"{delivery.key!r} was committed without being handed over")


class WorldProvider(Provider):
    """Connects a process to the servers of its world."""

    scope = Scope.APP

    process = from_context(SimulatedProcess)

    @provide
    def publisher(self, process: SimulatedProcess) -> EventPublisher:
        return process.world.broker

    @provide
    def sources(self, process: SimulatedProcess) -> EventSources:
        return SimulatedSources(process)

    @provide
    def queue(self, process: SimulatedProcess) -> TaskQueue:
        return ProcessQueue(process)

    @provide
    def unprocessed(self, process: SimulatedProcess) -> UnprocessedOrders:
        return WatchedUnprocessedOrders(process)

    @provide
    def cache(self, process: SimulatedProcess) -> OrderCache:
        return ProcessCache(process)

    @provide
    def wakeup(self, process: SimulatedProcess) -> RelayWakeup:
        return process.world.wakeup

    @provide
    def fulfilment(self, process: SimulatedProcess) -> Fulfilment:
        return process.world.shop

    @provide
    def mailer(self, process: SimulatedProcess) -> Mailer:
        return process.world.mail

    @provide
    def leases(self, process: SimulatedProcess) -> Leases:
        return process.world.leases

    @provide
    def holder(self, process: SimulatedProcess) -> Holder:
        return Holder(process.name)

    @provide
    def clock(self, process: SimulatedProcess) -> Clock:
        return process.world.clock

    @provide
    def ids(self, process: SimulatedProcess) -> IdGenerator:
        return process.world.ids


@cache
def _processes() -> Processes:
    """Return the containers of all worlds, whose graph is compiled only once."""
    overrides = [SurvivingMemoryProvider(), WorldProvider()]
    settings = load_settings({**UNLIMITED, **_SETTINGS})
    return Processes(settings, *overrides, RemotePorts(overrides))
