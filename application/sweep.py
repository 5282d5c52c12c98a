"""Handing over again what the broker or the task queue forgot."""

from datetime import timedelta
from typing import Final

from application.ports.system import Clock
from application.ports.tasks import Backlog, TaskQueue

BATCH: Final = 100


class Sweep:
    """Hand one small batch of forgotten orders to the task queue again.

    Forgotten: published longer than `after` ago, and neither processed nor given up (a dead
    letter) nor handed over since.
    """

    def __init__(self, backlog: Backlog, tasks: TaskQueue, clock: Clock) -> None:
        self._backlog = backlog
        self._tasks = tasks
        self._clock = clock

    async def __call__(self, after: timedelta) -> int:
        """Hand over one batch; how many orders it held."""
        now = self._clock.now()
        orders = await self._backlog.claim(now - after, now, BATCH)
        for order_id in orders:
            await self._tasks.process_order(order_id)
        return len(orders)
