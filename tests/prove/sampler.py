"""Sample throughput and latency, twice a second."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final

import asyncpg

from tests.prove.journal import Journal

_PERIOD_SECONDS: Final = 0.5
_PROGRESS: Final = """
SELECT (SELECT last_value FROM outbox_position), (SELECT coalesce(max(id), 0) FROM effects)
"""


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
        self._database, self._journal = database, journal
        self._published = self._processed = 0

    async def run(self, stopped: threading.Event) -> None:
        """Sample until stopped. While PostgreSQL is away, its totals stay the same."""
        while not stopped.is_set():
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                connection = await asyncpg.connect(self._database, timeout=1.0)
                try:
                    while not stopped.is_set():
                        row = await connection.fetchrow(_PROGRESS, timeout=1.0)
                        self._published, self._processed = row
                        self._take()
                        await asyncio.sleep(_PERIOD_SECONDS)
                finally:
                    connection.terminate()
            self._take()
            await asyncio.sleep(_PERIOD_SECONDS)

    def _take(self) -> None:
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
    """Sample in a thread until the end of the block."""
    sampler, stopped = Sampler(database, journal), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(sampler.run(stopped)))
    thread.start()
    try:
        yield sampler
    finally:
        stopped.set()
        thread.join()
