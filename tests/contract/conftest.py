"""All adapters of all ports. To test a new adapter, add a line to one of these tables."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Final, TypeAlias, TypeVar
from uuid import uuid4

import pytest

from adapters.memory.bus import MemoryBus
from adapters.memory.cache import MemoryOrderCache
from adapters.memory.limits import MemoryRateLimiter
from adapters.memory.outbox import MemoryRelayWakeup
from adapters.memory.stored_records import MemoryStoredRecords
from application.documents import Event
from application.ports.events import Delivery, EventSource, Placement, RelayWakeup
from domain.ids import EventId
from tests.contract.bundles import TTL, Bus, Cache, Limiter, Logs
from tests.contract.kafka_bundle import published_to_kafka, stored_in_kafka
from tests.support.adapters import Adapters, memory_adapters
from tests.support.messages import DECODER, ENCODER
from tests.support.postgres import postgres_adapters
from tests.support.time import MovableClock


@asynccontextmanager
async def _stored_in_memory(_: pytest.FixtureRequest) -> AsyncIterator[Adapters]:
    # Uses real time, like a real server does.
    yield memory_adapters(MovableClock(datetime.now(UTC)))


@asynccontextmanager
async def _cached_in_memory(_: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    clock = MovableClock()
    yield Cache(MemoryOrderCache(TTL, clock=clock.monotonic), clock.advance)


@asynccontextmanager
async def _limited_in_memory(_: pytest.FixtureRequest) -> AsyncIterator[Limiter]:
    clock = MovableClock()
    yield Limiter(MemoryRateLimiter(clock.monotonic), clock.advance)


@asynccontextmanager
async def _published_in_memory(_: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    bus = MemoryBus(ENCODER)

    async def listen(topic: str) -> EventSource:
        return bus.subscribe(topic, uuid4().hex)

    yield Bus(bus, listen)


class MemoryLogs:
    """`Logs` in memory."""

    def __init__(self) -> None:
        self.records = MemoryStoredRecords(DECODER)

    async def publish(self, events: Sequence[Event]) -> Mapping[EventId, Placement]:
        return {e.id: self.records.append(e.topic, ENCODER.message(e)) for e in events}

    async def write(self, message: Delivery) -> None:
        self.records.append("new_order", message)

    async def remove_before(self, offset: int) -> None:
        self.records.remove_before("new_order", offset)

    async def empty(self) -> None:
        self.records.delete("new_order")


@asynccontextmanager
async def _stored_by_memory_broker(_: pytest.FixtureRequest) -> AsyncIterator[Logs]:
    yield MemoryLogs()


T = TypeVar("T")
Makers: TypeAlias = Mapping[str, Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[T]]]

STORAGES: Final[Makers[Adapters]] = {"memory": _stored_in_memory, "postgres": postgres_adapters}
CACHES: Final[Makers[Cache]] = {"memory": _cached_in_memory}
LIMITERS: Final[Makers[Limiter]] = {"memory": _limited_in_memory}
BUSES: Final[Makers[Bus]] = {"memory": _published_in_memory, "kafka": published_to_kafka}
LOGS: Final[Makers[Logs]] = {"memory": _stored_by_memory_broker, "kafka": stored_in_kafka}


@pytest.fixture(autouse=True)
def _without_hurry(with_generous_deadlines: None) -> None:
    """Widen all deadlines because these suites test behaviour, not speed."""


@pytest.fixture(params=STORAGES)
async def adapters(request: pytest.FixtureRequest) -> AsyncIterator[Adapters]:
    async with STORAGES[request.param](request) as made:
        yield made


@pytest.fixture(params=CACHES)
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    async with CACHES[request.param](request) as made:
        yield made


@pytest.fixture(params=LIMITERS)
async def limiter(request: pytest.FixtureRequest) -> AsyncIterator[Limiter]:
    async with LIMITERS[request.param](request) as made:
        yield made


@pytest.fixture(params=BUSES)
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    async with BUSES[request.param](request) as made:
        yield made


@pytest.fixture(params=LOGS)
async def logs(request: pytest.FixtureRequest) -> AsyncIterator[Logs]:
    async with LOGS[request.param](request) as made:
        yield made


@pytest.fixture
def relay_wakeup() -> RelayWakeup:
    return MemoryRelayWakeup()
