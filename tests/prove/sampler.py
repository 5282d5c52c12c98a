"""Sample throughput and latency, twice a second."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final

import asyncpg

from tests.prove.journal import Journal

_PERIOD_SECONDS: Final = 0.5
#: How often to look at the progress. After each fault, the run waits until it has changed.
_LOOK_SECONDS: Final = 0.1
_PROGRESS: Final = """
SELECT (SELECT last_value FROM outbox_position), (SELECT coalesce(max(id), 0) FROM effects)
"""
#: What a query can raise if PostgreSQL is being hurt. The driver raises its internal error if a
#: session ends in the middle of an operation (https://github.com/MagicStack/asyncpg/issues/1069).
_FAILURES: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


@dataclass(frozen=True, slots=True)
class Sample:
    """The totals at a time, and the latencies since the previous sample."""

    at: float
    acknowledged: int
    published: int
    processed: int
    p50_seconds: float | None
    p99_seconds: float | None


class Sampler:
    """The samples so far."""

    def __init__(self, database: str, journal: Journal) -> None:
        self.began_at = monotonic()
        self.samples: list[Sample] = []
        #: When PostgreSQL last returned its totals.
        self.looked_at = self.began_at
        self._database, self._journal = database, journal
        self._published = self._processed = 0

    async def run(self, stopped: threading.Event) -> None:
        """Sample until stopped. While PostgreSQL is away, its totals stay the same."""
        while not stopped.is_set():
            with suppress(*_FAILURES):
                connection = await asyncpg.connect(self._database, timeout=1.0)
                try:
                    while not stopped.is_set():
                        began_at = monotonic()
                        row = await connection.fetchrow(_PROGRESS, timeout=1.0)
                        self._published, self._processed = row
                        self.looked_at = began_at
                        self._take()
                        await asyncio.sleep(_LOOK_SECONDS)
                finally:
                    connection.terminate()
            self._take()
            await asyncio.sleep(_LOOK_SECONDS)

    def _take(self) -> None:
        if self.samples and monotonic() - self.began_at < self.samples[-1].at + _PERIOD_SECONDS:
            return
        latencies, self._journal.latencies = sorted(self._journal.latencies), []
        p50, p99 = (
            latencies[int(len(latencies) * part)] if latencies else None for part in (0.5, 0.99)
        )
        self.samples.append(
            Sample(
                monotonic() - self.began_at,
                self._journal.acknowledged_orders,
                self._published,
                self._processed,
                p50,
                p99,
            )
        )

    @property
    def progress(self) -> tuple[int, int, int]:
        """Orders accepted, events published and orders processed."""
        return self._journal.acknowledged_orders, self._published, self._processed


@contextmanager
def sampling(database: str, journal: Journal) -> Iterator[Sampler]:
    """Sample in a thread until the end of the block. Raise an error of the thread there."""
    sampler, stopped = Sampler(database, journal), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(lambda: asyncio.run(sampler.run(stopped)))
        try:
            yield sampler
        finally:
            stopped.set()
        done.result()
