"""The page that Prometheus scrapes."""

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

#: Figures that take longer are left out. This way the page still works during an outage.
_READ_SECONDS: Final = 1.0
#: How often a worker shares its pool usage.
SHARE_SECONDS: Final = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PoolUse:
    """The usage of a connection pool."""

    in_use: int
    idle: int
    size: int


@dataclass(frozen=True, slots=True)
class StorageGauges:
    """The storage's figures. They are None if the storage does not have them."""

    outbox: Callable[[], Awaitable[OutboxState]] | None = None
    pool: Callable[[], PoolUse] | None = None


@dataclass(frozen=True, slots=True)
class BusGauges:
    """The event broker's figures."""

    lag: Callable[[], Awaitable[Mapping[Topic, Mapping[int, int]]]]


@dataclass(frozen=True, slots=True)
class _OutboxFigures:
    """The outbox's latest figures, and when they were read."""

    state: OutboxState
    read_at: datetime


class Metrics:
    """The process's metrics. If it is one of several workers, these are the totals of all workers.

    Figures that can't be read within a second are left out. The outbox is different, because you
    need its figures most during an outage. Its latest figures are kept and shown with their age.
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
        # Not on the event loop, because many workers mean many files to add up.
        return await asyncio.to_thread(generate_latest, _Page(self._counted, asked))

    async def share(self) -> None:
        """Share this worker's pool usage with the other workers."""
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
    """The totals of all workers' counts, read from the folder they share."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def collect(self) -> Iterable[Metric]:
        """Yield the totals, skipping files that a starting worker hasn't filled yet."""
        files = [str(file) for file in self._folder.glob("*.db") if _is_filled(file)]
        merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return merged


def _is_filled(file: Path) -> bool:
    # prometheus_client creates a file before its content, and can't read it in between.
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:  # a gauge from a worker that has just ended
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
    """A figure that is only read once at a time. Concurrent callers share the result.

    This matters because the page does not have a rate limit, and each read costs a statement.
    """

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._reading: asyncio.Task[T | None] | None = None

    async def __call__(self) -> T | None:
        """Return the figure, or None if it can't be read in time."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_in_time())
        return await asyncio.shield(self._reading)

    async def _read_in_time(self) -> T | None:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                return await self._read()
        except Exception:  # noqa: BLE001 - the figure is left out
            return None


class _Page:
    """The counts, and the figures that have been read for this page."""

    def __init__(self, counted: Collector, asked: Iterable[Metric]) -> None:
        self._counted = counted
        self._asked = asked

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield from self._counted.collect()
        yield from self._asked
