from collections import Counter
from datetime import datetime

import pytest

from adapters.memory.leases import MemoryLeases
from application.delivery.purge import (
    ACCESS_KEPT,
    BATCH,
    DEAD_LETTERS_KEPT,
    INBOX_KEPT,
    LEASE_SECONDS,
    PAYLOADS_KEPT,
    PERIOD_SECONDS,
    Purged,
    PurgeExpired,
)
from application.errors import Unavailable
from application.ports.idempotency import KEY_LIFETIME
from application.ports.retention import Expiring
from tests.support.orders import IDS
from tests.support.time import MovableClock


def nothing() -> None:
    """Ignore the progress report after a batch."""


class Store:
    """A `RetentionStore` with expired dead letters and payloads. It records its calls.

    Each batch takes `seconds`. If `is_reachable` is false, it raises `Unavailable`.
    """

    def __init__(self, clock: MovableClock, dead_letters: int = 0, payloads: int = 0) -> None:
        self._clock = clock
        self._expired = Counter({Expiring.DEAD_LETTERS: dead_letters, Expiring.PAYLOADS: payloads})
        self.seconds = 0.0
        self.is_reachable = True
        self.calls: list[tuple[Expiring, datetime]] = []

    async def purge(self, kind: Expiring, before: datetime, limit: int) -> int:
        await self._take_time()
        self.calls.append((kind, before))
        gone = min(limit, self._expired[kind])
        self._expired[kind] -= gone
        return gone

    async def _take_time(self) -> None:
        if not self.is_reachable:
            raise Unavailable
        await self._clock.advance(self.seconds)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def leases(clock: MovableClock) -> MemoryLeases:
    return MemoryLeases(clock)


def a_retention(store: Store, leases: MemoryLeases, clock: MovableClock) -> PurgeExpired:
    """Return the use case as it is in a process that has just started."""
    return PurgeExpired(store, leases, clock, IDS)


async def test_expired_data_are_purged_in_small_transactions(
    clock: MovableClock, leases: MemoryLeases
) -> None:
    store = Store(clock, BATCH + 1, 2 * BATCH)
    assert await a_retention(store, leases, clock)(nothing) == Purged(BATCH + 1, 2 * BATCH, 0)
    first, second, *others = Expiring
    assert [kind for kind, _ in store.calls] == [first] * 3 + [second] * 3 + others


async def test_each_transaction_is_reported(clock: MovableClock, leases: MemoryLeases) -> None:
    store, reported = Store(clock, BATCH + 1), list[int]()
    await a_retention(store, leases, clock)(lambda: reported.append(len(store.calls)))
    assert reported == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_recent_data_are_kept(clock: MovableClock, leases: MemoryLeases) -> None:
    store, now = Store(clock), clock.now()
    assert await a_retention(store, leases, clock)(nothing) == Purged(0, 0, 0)
    assert store.calls == [
        (Expiring.DEAD_LETTERS, now - DEAD_LETTERS_KEPT),
        (Expiring.PAYLOADS, now - PAYLOADS_KEPT),
        (Expiring.INBOX_ROWS, now - INBOX_KEPT),
        (Expiring.IDEMPOTENCY_KEYS, now - KEY_LIFETIME),
        (Expiring.SESSIONS, now - ACCESS_KEPT),
        (Expiring.ACCESS_CHANGES, now - ACCESS_KEPT),
    ]


async def test_restarted_processes_purge_once_an_hour(
    clock: MovableClock, leases: MemoryLeases
) -> None:
    store = Store(clock)
    for _ in range(100):
        await a_retention(store, leases, clock)(nothing)
        await clock.advance(PERIOD_SECONDS / 101)
    assert len(store.calls) == 6
    await clock.advance(PERIOD_SECONDS / 50)
    assert await a_retention(store, leases, clock)(nothing) == Purged(0, 0, 0)


async def test_purge_is_due_again_an_hour_later(clock: MovableClock, leases: MemoryLeases) -> None:
    retention = a_retention(Store(clock), leases, clock)
    assert await retention(nothing) is not None
    await clock.advance(PERIOD_SECONDS - 1)
    assert await retention(nothing) is None
    await clock.advance(2)
    assert await retention(nothing) is not None


async def test_another_process_continues_after_a_purge_that_was_cut_off(
    clock: MovableClock, leases: MemoryLeases
) -> None:
    store = Store(clock, dead_letters=1)
    store.is_reachable = False
    with pytest.raises(Unavailable):
        await a_retention(store, leases, clock)(nothing)
    store.is_reachable = True
    await clock.advance(LEASE_SECONDS - 1)
    assert await a_retention(store, leases, clock)(nothing) is None
    await clock.advance(2)
    assert await a_retention(store, leases, clock)(nothing) == Purged(1, 0, 0)


async def test_long_purge_renews_its_lease(clock: MovableClock, leases: MemoryLeases) -> None:
    store = Store(clock, 3 * BATCH, BATCH)
    store.seconds = LEASE_SECONDS - 1
    assert await a_retention(store, leases, clock)(nothing) == Purged(3 * BATCH, BATCH, 0)


@pytest.mark.parametrize("batches", [1, 2])
async def test_process_that_lost_its_lease_stops_before_the_next_batch(
    clock: MovableClock, leases: MemoryLeases, batches: int
) -> None:
    store = Store(clock, dead_letters=(batches - 1) * BATCH, payloads=BATCH)
    store.seconds = LEASE_SECONDS + 1  # frozen
    acquire = leases.acquire

    async def stolen(name: str, holder: str, seconds: float) -> bool:
        if len(store.calls) == batches:
            await acquire(name, "another", seconds)
        return await acquire(name, holder, seconds)

    leases.acquire = stolen  # type: ignore[method-assign]
    assert await a_retention(store, leases, clock)(nothing) is None
    assert len(store.calls) == batches


async def test_interrupted_purge_leaves_its_lease_to_another_process_at_once(
    clock: MovableClock, leases: MemoryLeases
) -> None:
    store = Store(clock, dead_letters=1)
    store.is_reachable = False
    retention = a_retention(store, leases, clock)
    with pytest.raises(Unavailable):
        await retention(nothing)
    await retention.release()
    store.is_reachable = True
    assert await a_retention(store, leases, clock)(nothing) == Purged(1, 0, 0)


async def test_complete_purge_keeps_its_lease_when_its_process_stops(
    clock: MovableClock, leases: MemoryLeases
) -> None:
    retention = a_retention(Store(clock), leases, clock)
    await retention(nothing)
    await retention.release()
    assert await a_retention(Store(clock), leases, clock)(nothing) is None
