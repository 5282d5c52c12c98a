"""Purge expired data."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from application.ports.idempotency import KEY_LIFETIME
from application.ports.leases import Leases
from application.ports.retention import Expiring, RetentionStore
from application.ports.system import Clock, IdGenerator

#: How long dead letters are kept after they have been replayed.
DEAD_LETTERS_KEPT: Final = timedelta(days=7)
#: How long the event payloads of processed orders are kept, which is also how long these events can
#: be replayed.
PAYLOADS_KEPT: Final = timedelta(days=7)
#: How long inbox rows are kept, except those of order processing. It must be longer than the time
#: during which the outbox (`PAYLOADS_KEPT`) or a broker can repeat a message. See docs/adr/0029.
INBOX_KEPT: Final = timedelta(days=30)
#: How long expired sessions and obsolete changes of the feed are kept, in case the clocks of the
#: processes differ.
ACCESS_KEPT: Final = timedelta(hours=1)
#: Maximum rows per transaction. Kept small because other transactions may be waiting for these
#: rows.
BATCH: Final = 1_000
#: Seconds between two purges, no matter which processes run them.
PERIOD_SECONDS: Final = 3600.0
#: Seconds until a purge has to renew its lease. A batch never takes this long.
LEASE_SECONDS: Final = 600.0
_LEASE: Final = "retention"

#: How long each kind is kept, in the order in which they are purged.
_KEPT: Final = {
    Expiring.DEAD_LETTERS: DEAD_LETTERS_KEPT,
    Expiring.PAYLOADS: PAYLOADS_KEPT,
    Expiring.INBOX_ROWS: INBOX_KEPT,
    Expiring.IDEMPOTENCY_KEYS: KEY_LIFETIME,
    Expiring.SESSIONS: ACCESS_KEPT,
    Expiring.ACCESS_CHANGES: ACCESS_KEPT,
}


@dataclass(frozen=True, slots=True)
class Purged:
    """The number of purged rows of each kind."""

    dead_letters: int = 0
    payloads: int = 0
    inbox_rows: int = 0
    idempotency_keys: int = 0
    sessions: int = 0
    access_changes: int = 0


class PurgeExpired:
    """Purge expired rows in small transactions. The facts in the outbox are never deleted.

    A lease makes sure that only one process is purging at a time. When a purge is complete, it
    renews its lease for an hour. The next purge is therefore due an hour later, even if processes
    restart in the meantime.
    """

    def __init__(
        self, store: RetentionStore, leases: Leases, clock: Clock, ids: IdGenerator
    ) -> None:
        self._store = store
        self._leases = leases
        self._clock = clock
        self._ids = ids
        #: The current purge's lease holder.
        self._holder: str | None = None

    async def __call__(self, after_batch: Callable[[], None]) -> Purged | None:
        """Purge if a purge is due.

        Return None if it isn't due, or if the lease was lost along the way. `after_batch` is called
        after each transaction and lets the caller report progress.

        Raises:
            Unavailable: the storage is unreachable. The next purge is due when the lease expires.
        """
        now = self._clock.now()
        # Each purge has its own holder, because a later purge by the same process must not be able
        # to renew this lease.
        self._holder = holder = str(self._ids.new(now))
        purged = await self._purge(now, holder, after_batch)
        if purged is not None:
            await self._leases.acquire(_LEASE, holder, PERIOD_SECONDS)
        self._holder = None
        return purged

    async def release(self) -> None:
        """Release an interrupted purge's lease to allow another process to purge.

        Raises:
            Unavailable: the storage is unreachable, so the lease remains until it expires.
        """
        if self._holder is not None:
            await self._leases.release(_LEASE, self._holder)

    async def _purge(
        self, now: datetime, holder: str, after_batch: Callable[[], None]
    ) -> Purged | None:
        counts: dict[str, int] = {}
        for kind, kept in _KEPT.items():
            count, is_done = 0, False
            while not is_done:
                if not await self._leases.acquire(_LEASE, holder, LEASE_SECONDS):
                    return None
                purged = await self._store.purge(kind, now - kept, BATCH)
                count += purged
                after_batch()
                is_done = purged == 0
            counts[kind.value] = count
        return Purged(**counts)
