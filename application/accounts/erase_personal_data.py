"""Erase the personal data of a closed account."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from application.delivery.refresh_cache import RefreshCache
from application.ports.cache_debts import CacheDebts
from application.ports.erasures import Erasure, Erasures
from application.ports.system import Clock

#: Maximum rows of each kind per transaction. Kept small because other transactions may be waiting
#: for these rows.
BATCH: Final = 200
#: When the last pass begins after the first one. A request that was authenticated before the
#: account was closed, or a transaction that has read an order before, has ended by then.
SETTLE: Final = timedelta(seconds=60)
#: When a pass that had to skip locked rows is repeated.
RETRY: Final = timedelta(seconds=5)
_PASSES: Final = 2


class ErasePersonalData:
    """Make a pass over the data of a closed account, in small transactions.

    A first pass erases everything. A last pass erases what concurrent requests have written in the
    meantime. Progress is stored, so another process can continue after a crash.
    """

    def __init__(
        self, erasures: Erasures, update_cache: RefreshCache, debts: CacheDebts, clock: Clock
    ) -> None:
        self._erasures = erasures
        self._update_cache = update_cache
        self._debts = debts
        self._clock = clock

    async def __call__(self, erasure: Erasure, may_continue: Callable[[], bool]) -> bool:
        """Return whether the pass was completed without skipping anything.

        `may_continue` is called after each transaction.

        Raises:
            Unavailable: the storage is unreachable. The erasure stays due.
        """
        has_more = True
        while has_more:
            part = await self._erasures.erase_some(erasure.user_id, BATCH)
            not_written = await self._update_cache([debt.order_id for debt in part.debts])
            await self._debts.settle(
                [debt for debt in part.debts if debt.order_id not in not_written]
            )
            has_more = part.has_more
            if has_more and not may_continue():
                return False
        await self._end_pass(erasure, has_skipped=part.has_skipped)
        return not part.has_skipped

    async def _end_pass(self, erasure: Erasure, *, has_skipped: bool) -> None:
        now = self._clock.now()
        passes = erasure.passes if has_skipped else erasure.passes + 1
        next_at = None if passes == _PASSES else now + (RETRY if has_skipped else SETTLE)
        await self._erasures.end_pass(erasure, passes, next_at)
