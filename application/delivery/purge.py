"""Purge expired data."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from application.ports.leases import Leases
from application.ports.retention import RetentionStore
from application.ports.system import Clock, IdGenerator

#: How long a replayed dead letter is kept.
DEAD_LETTERS_KEPT: Final = timedelta(days=7)
#: How long the payload of a processed order's event is kept, and can be replayed.
PAYLOADS_KEPT: Final = timedelta(days=7)
#: How long an inbox row is kept, if its consumer is not the processing of orders: longer than a
#: message is repeated by the outbox (`PAYLOADS_KEPT`) or a broker. See docs/adr/0029.
INBOX_KEPT: Final = timedelta(days=30)
#: Rows of one transaction, which others may wait for.
BATCH: Final = 1_000
#: Seconds between two purges, over all processes.
PERIOD_SECONDS: Final = 3600.0
#: Seconds for which a process may purge without renewing its lease: more than any batch takes.
LEASE_SECONDS: Final = 600.0
_LEASE: Final = "retention"

_Purge: TypeAlias = Callable[[datetime, int], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Purged:
    """The numbers of rows that were purged."""

    dead_letters: int
    payloads: int
    inbox_rows: int


class PurgeExpired:
    """Purge expired rows in small transactions; the facts of the outbox stay.

    One process at a time purges, under a lease. A complete purge renews its lease for an hour, so
    that the next purge is due an hour later, even if processes restart in between.
    """

    def __init__(
        self, store: RetentionStore, leases: Leases, clock: Clock, ids: IdGenerator
    ) -> None:
        self._store = store
        self._leases = leases
        self._clock = clock
        self._ids = ids
        #: The holder of the lease of the purge that runs.
        self._holder: str | None = None

    async def __call__(self, after_batch: Callable[[], None]) -> Purged | None:
        """Purge if that is due; return the numbers, or None if it is not, or the lease was lost.

        Call `after_batch` after each transaction, so that the caller can report progress.

        Raises:
            Unavailable: the storage is out of reach; another purge is due when the lease ends.
        """
        now = self._clock.now()
        # One for each purge: a later one of the same process must not renew it.
        self._holder = holder = str(self._ids.new(now))
        purged = await self._purge(now, holder, after_batch)
        if purged is not None:
            await self._leases.acquire(_LEASE, holder, PERIOD_SECONDS)
        self._holder = None
        return purged

    async def release(self) -> None:
        """End the lease of a purge that was interrupted, so that another process can purge.

        Raises:
            Unavailable: the storage is out of reach; the lease ends by itself.
        """
        if self._holder is not None:
            await self._leases.release(_LEASE, self._holder)

    async def _purge(
        self, now: datetime, holder: str, after_batch: Callable[[], None]
    ) -> Purged | None:
        counts = []
        for purge, kept in self._purges():
            count, is_done = 0, False
            while not is_done:
                if not await self._leases.acquire(_LEASE, holder, LEASE_SECONDS):
                    return None
                purged = await purge(now - kept, BATCH)
                count += purged
                after_batch()
                is_done = purged == 0
            counts.append(count)
        return Purged(*counts)

    def _purges(self) -> tuple[tuple[_Purge, timedelta], ...]:
        """Return each purge of the store with the age of the rows that it deletes."""
        return (
            (self._store.purge_dead_letters, DEAD_LETTERS_KEPT),
            (self._store.purge_payloads, PAYLOADS_KEPT),
            (self._store.purge_inbox, INBOX_KEPT),
        )
