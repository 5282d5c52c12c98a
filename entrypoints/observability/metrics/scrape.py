"""The page that Prometheus reads."""

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

#: Seconds that a question may take: the page is there, whatever is not.
_PATIENCE: Final = 1.0
#: Seconds after which a worker shares again how its pool is used.
SHARE_SECONDS: Final = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PoolUse:
    """How a pool of connections is used."""

    in_use: int
    idle: int
    size: int


@dataclass(frozen=True, slots=True)
class StorageGauges:
    """What a storage can be asked; None: it has no such thing."""

    outbox: Callable[[], Awaitable[OutboxState]] | None = None
    pool: Callable[[], PoolUse] | None = None


@dataclass(frozen=True, slots=True)
class BusGauges:
    """What a broker of events can be asked."""

    lag: Callable[[], Awaitable[Mapping[Topic, Mapping[int, int]]]]


@dataclass(frozen=True, slots=True)
class _OutboxFigures:
    """The last figures of the outbox, and their time."""

    state: OutboxState
    read_at: datetime


class Metrics:
    """Everything that this process knows; where it is one of several workers, what all of them do.

    What is not known within a second is left out, so that a scrape shows an outage too. The figures
    of the outbox are needed most in an outage: the last ones stay, with their age.
    """

    def __init__(self, storage: StorageGauges, bus: BusGauges, clock: Clock) -> None:
        self._outbox = _Question(storage.outbox) if storage.outbox else None
        self._last_outbox: _OutboxFigures | None = None
        self._lag = _Question(bus.lag)
        self._pool = storage.pool
        self._clock = clock
        self._counted: Collector = CountedByAll(os.environ[SHARED_FOLDER]) if IS_SHARED else COUNTED

    async def __call__(self) -> bytes:
        """The page, in Prometheus's text format 0.0.4."""
        _, lag = await asyncio.gather(self._read_outbox(), self._lag())
        self._note_pool()
        asked = [*self._of_outbox(), *_of_lag(lag)]
        # Beside the event loop: with many workers there is much to add up.
        return await asyncio.to_thread(generate_latest, _Page(self._counted, asked))

    async def share(self) -> None:
        """Let the other workers know how the pool is used here."""
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
    """What the workers of one service have counted in their folder, added up."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def collect(self) -> Iterable[Metric]:
        """All of it, but for what a worker that is starting has not filled yet."""
        files = [str(file) for file in self._folder.glob("*.db") if _is_filled(file)]
        merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return merged


def _is_filled(file: Path) -> bool:
    # prometheus_client makes a file and then its room, and fails where it finds one in between.
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


class _Question(Generic[T]):
    """A question that is asked once at a time: who comes meanwhile hears the same answer.

    Nothing limits how often the page is asked for, and an answer costs PostgreSQL a statement.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[T | None] | None = None

    async def __call__(self) -> T | None:
        """The answer; None where there is none in time."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._answer())
        return await asyncio.shield(self._asking)

    async def _answer(self) -> T | None:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._ask()
        except Exception:  # noqa: BLE001 - whatever keeps it from answering, the page goes without
            return None


class _Page:
    """What was counted, and what was asked."""

    def __init__(self, counted: Collector, asked: Iterable[Metric]) -> None:
        self._counted = counted
        self._asked = asked

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        yield from self._counted.collect()
        yield from self._asked
