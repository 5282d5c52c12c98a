"""The requeuer, which gives stalled orders to `process_order_task` again."""

import asyncio
from datetime import timedelta
from typing import Final

from application.delivery.requeue_stalled import RequeueStalledOrders
from entrypoints.observability.logs import logger
from entrypoints.processes.lease_release import releasing
from entrypoints.processes.supervisor import every, with_database
from libraries.asyncio_tools.heartbeat import beat, between_rounds

#: How long to wait between two passes.
PASS_PERIOD_SECONDS: Final = 10.0
#: How many orders are added to the queue, or pages read, before a pass pauses. This keeps a backlog
#: from flooding the queue and from keeping PostgreSQL busy.
MAX_ADDED: Final = 2_000
MAX_PAGES: Final = 100
PAUSE_SECONDS: Final = 1.0


class Requeuer:
    """Requeues orders that have been stalled for `stalled_for`, pass after pass.

    In the first pass, `first` is used instead. If it is zero, everything that an earlier process
    has left unprocessed is requeued.
    """

    def __init__(
        self,
        requeue: RequeueStalledOrders,
        stalled_for: timedelta,
        first: timedelta | None = None,
    ) -> None:
        self._requeue = requeue
        self._stalled_for = stalled_for
        self._next = stalled_for if first is None else first

    async def run(self) -> None:
        """Run passes forever, and release the lease at the end."""
        async with releasing(self._requeue.release):
            await every(PASS_PERIOD_SECONDS, with_database(self.run_pass))

    async def run_pass(self) -> None:
        """Complete a pass, which may be one that was interrupted.

        Raises:
            Unavailable: PostgreSQL or the queue is unavailable, or the queue is full.
        """
        added = pages = 0
        is_last = False
        while not is_last:
            page = await self._requeue(self._next)
            beat()
            if page.added:
                logger.info("stalled orders requeued", orders=page.added)
            added, pages, is_last = added + page.added, pages + 1, page.is_last
            if not is_last and (added >= MAX_ADDED or pages >= MAX_PAGES):
                with between_rounds():
                    await asyncio.sleep(PAUSE_SECONDS)
                added = pages = 0
        self._next = self._stalled_for
