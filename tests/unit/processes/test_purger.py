import asyncio
from collections.abc import Callable

from structlog.testing import capture_logs

from application.delivery.purge import Purged
from application.errors import Unavailable
from entrypoints.processes.purger import purge, purge_periodically
from tests.support.deadlines import LONG


class Purges:
    """A `PurgeExpired` with a purge that is due, is not due, or never ends."""

    def __init__(self, purged: Purged | None) -> None:
        self._purged = purged
        self.began = asyncio.Event()
        self.is_released = False
        self.hangs = False

    async def __call__(self, _after_batch: Callable[[], None]) -> Purged | None:
        self.began.set()
        if self.hangs:
            await asyncio.Event().wait()
        return self._purged

    async def release(self) -> None:
        self.is_released = True
        raise Unavailable


async def test_purge_is_logged_and_one_that_is_not_due_is_not() -> None:
    with capture_logs() as logs:
        await purge(Purges(Purged(2, 3, 4)))  # type: ignore[arg-type]
        await purge(Purges(None))  # type: ignore[arg-type]
    numbers = [(each["dead_letters"], each["payloads"], each["inbox_rows"]) for each in logs]
    assert numbers == [(2, 3, 4)]


async def test_first_purge_is_tried_at_once_and_interrupted_by_a_stop() -> None:
    purges = Purges(None)
    purges.hangs = True
    task = asyncio.create_task(purge_periodically(purges))  # type: ignore[arg-type]
    async with asyncio.timeout(LONG):
        await purges.began.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert purges.is_released
