"""Handing over again what the broker or the task queue forgot."""

from datetime import timedelta
from typing import Final

from application.ports.system import Clock
from application.ports.tasks import Backlog, TaskQueue

BATCH: Final = 100


class Sweep:
    """Hand all forgotten orders to the task queue again, in small batches.

    Forgotten: published longer than `after` ago, and neither processed nor given up (a dead
    letter) nor handed over since.
    """

    def __init__(self, backlog: Backlog, tasks: TaskQueue, clock: Clock) -> None:
        self._backlog = backlog
        self._tasks = tasks
        self._clock = clock

    async def __call__(self, after: timedelta) -> int:
        """Hand over what is forgotten now; how many orders were new to the queue.

        The cut-off is fixed for the whole pass, which so claims no order twice.
        """
        cut_off, added = self._clock.now() - after, 0
        while orders := await self._backlog.claim(cut_off, self._clock.now(), BATCH):
            for order_id in orders:
                added += await self._tasks.process_order(order_id)
        return added
