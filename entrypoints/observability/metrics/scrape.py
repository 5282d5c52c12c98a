"""The page for Prometheus."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Generic, TypeVar

from prometheus_client import Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from application.ports.events import Topic
from application.ports.outbox_admin import OutboxState
from application.ports.system import Clock
from entrypoints.observability.metrics.table import (
    CONSUMER_LAG,
    COUNTED,
    IS_SHARED,
    OUTBOX_FIGURES_AGE,
    OUTBOX_OLDEST_AGE,
    OUTBOX_PARKED,
    OUTBOX_REPLAYS,
    OUTBOX_UNPUBLISHED,
    POOL_CONNECTIONS,
    POOL_SIZE,
    SHARED_FOLDER,
)

#: A figure that takes longer is left out, so that the page is served in an outage too.
_READ_SECONDS: Final = 1.0
#: Between two times that a worker shares the use of its pool.
SHARE_SECONDS: Final = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PoolUse:
    """The use of a pool of connections."""

    in_use: int
    idle: int
    size: int


@dataclass(frozen=True, slots=True)
class StorageGauges:
    """The figures of a storage; None if it has no such figure."""

    outbox: Callable[[], Awaitable[OutboxState]] | None = None
    pool: Callable[[], PoolUse] | None = None


@dataclass(frozen=True, slots=True)
class BusGauges:
    """The figures of a broker of events."""

    lag: Callable[[], Awaitable[Mapping[Topic, Mapping[int, int]]]]


@dataclass(frozen=True, slots=True)
class _OutboxFigures:
    """The last figures of the outbox, and their time."""

    state: OutboxState
    read_at: datetime


class Metrics:
    """The metrics of this process; if it is one of several workers, the sum over all of them.

    A figure that cannot be read within a second is left out. The figures of the outbox are needed
    most in an outage: the last ones stay, with their age.
    """

    def __init__(self, storage: StorageGauges, bus: BusGauges, clock: Clock) -> None:
        self._outbox = _SharedRead(storage.outbox) if storage.outbox else None
        self._last_outbox: _OutboxFigures | None = None
        self._lag = _SharedRead(bus.lag)
        self._pool = storage.pool
        self._clock = clock
        self._counted: Collector = CountedByAll(os.environ[SHARED_FOLDER]) if IS_SHARED else COUNTED

    async def __call__(self) -> bytes:
        """Return the page in Prometheus's text format 0.0.4."""
        _, lag = await asyncio.gather(self._read_outbox(), self._lag())
        self._note_pool()
        asked = [*self._of_outbox(), *_of_lag(lag)]
        # Beside the event loop: many workers have many files to add.
        return await asyncio.to_thread(generate_latest, _Page(self._counted, asked))

    async def share(self) -> None:
        """Share the use of the pool with the other workers."""
        self._note_pool()

    async def _read_outbox(self) -> None:
        if self._outbox and (state := await self._outbox()):
            self._last_outbox = _OutboxFigures(state, self._clock.now())

    def _note_pool(self) -> None:
        if self._pool is not None:
            use = self._pool()
            POOL_CONNECTIONS.labels("in_use").set(use.in_use)
            POOL_CONNECTIONS.labels("idle").set(use.idle)
            POOL_SIZE.set(use.size)

    def _of_outbox(self) -> Iterator[Metric]:
        if self._last_outbox is not None:
            state, read_at = self._last_outbox.state, self._last_outbox.read_at
            oldest = state.oldest or read_at
            figures_age = self._clock.now() - read_at
            yield OUTBOX_UNPUBLISHED.showing({(): state.unpublished})
            yield OUTBOX_OLDEST_AGE.showing({(): max(0, (read_at - oldest).total_seconds())})
            yield OUTBOX_PARKED.showing({(): state.parked})
            yield OUTBOX_REPLAYS.showing({(): state.replays})
            yield OUTBOX_FIGURES_AGE.showing({(): max(0, figures_age.total_seconds())})


class CountedByAll(Collector):
    """The sums of the counts of all workers, from their folder."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def collect(self) -> Iterable[Metric]:
        """Yield the sums, without files that a starting worker has not filled yet."""
        files = [str(file) for file in self._folder.glob("*.db") if _is_filled(file)]
        merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return merged


def _is_filled(file: Path) -> bool:
    # prometheus_client creates a file, then its content, and fails to read one in between.
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:  # a gauge of a worker that has just ended
        return False


def _of_lag(lags: Mapping[Topic, Mapping[int, int]] | None) -> Iterator[Metric]:
    shown: dict[tuple[str, ...], float] = {
        (topic.name, topic.group, str(partition)): lag[partition]
        for topic, lag in (lags or {}).items()
        for partition in sorted(lag)
    }
    if shown:
        yield CONSUMER_LAG.showing(shown)


class _SharedRead(Generic[T]):
    """A figure that is read once at a time; concurrent callers share the result.

    The page has no rate limit, and a read costs the storage a statement.
    """

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._reading: asyncio.Task[T | None] | None = None

    async def __call__(self) -> T | None:
        """Return the figure; None if it cannot be read in time."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_in_time())
        return await asyncio.shield(self._reading)

    async def _read_in_time(self) -> T | None:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                return await self._read()
        except Exception:  # noqa: BLE001 - after any error the figure is left out
            return None


class _Page:
    """The counts, and the figures that were read."""

    def __init__(self, counted: Collector, asked: Iterable[Metric]) -> None:
        self._counted = counted
        self._asked = asked

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield from self._counted.collect()
        yield from self._asked
