import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from application.delivery.requeue_stalled import Requeued
from application.errors import Unavailable
from entrypoints.processes import requeuer
from entrypoints.processes.requeuer import Requeuer
from tests.support.deadlines import LONG

AFTER = timedelta(seconds=60)


class Pages:
    """A `RequeueStalledOrders` that adds this many orders on each page of a pass."""

    def __init__(self, *added: int) -> None:
        self._added = added
        self._position = 0
        self.calls: list[timedelta] = []
        self.fails_with: Exception | None = None
        self.is_released = False

    async def __call__(self, stalled_for: timedelta) -> Requeued:
        if self.fails_with is not None:
            raise self.fails_with
        self.calls.append(stalled_for)
        added = self._added[self._position]
        self._position = (self._position + 1) % len(self._added)
        return Requeued(added, is_last=self._position == 0)

    async def release(self) -> None:
        self.is_released = True
        raise Unavailable


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the requested pauses. They don't take any time."""
    made: list[float] = []
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        made.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", pause)
    return made


def a_requeuer(pages: Pages, first: timedelta | None = None) -> Requeuer:
    return Requeuer(pages, AFTER, first)  # type: ignore[arg-type]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not is_so():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0)


async def test_pass_is_run_page_by_page_and_logs_only_added_orders(pauses: list[float]) -> None:
    pages = Pages(2, 0, 1)
    with capture_logs() as logs:
        await a_requeuer(pages).run_pass()
    assert pages.calls == [AFTER] * 3
    assert [entry["orders"] for entry in logs] == [2, 1]
    assert pauses == []


async def test_pass_pauses_when_it_has_added_enough(pauses: list[float]) -> None:
    await a_requeuer(Pages(*[requeuer.MAX_ADDED // 2] * 5)).run_pass()
    assert pauses == [requeuer.PAUSE_SECONDS] * 2


async def test_pass_pauses_when_it_has_read_enough(pauses: list[float]) -> None:
    await a_requeuer(Pages(*[0] * (2 * requeuer.MAX_PAGES + 1))).run_pass()
    assert pauses == [requeuer.PAUSE_SECONDS] * 2


async def test_only_the_first_pass_has_a_cut_off_of_its_own() -> None:
    pages = Pages(0, 0)
    run = a_requeuer(pages, first=timedelta())
    pages.fails_with = Unavailable()
    with pytest.raises(Unavailable):
        await run.run_pass()
    pages.fails_with = None
    await run.run_pass()
    await run.run_pass()
    assert pages.calls == [timedelta()] * 2 + [AFTER] * 2


async def test_lease_is_released_when_the_process_stops() -> None:
    pages = Pages(0)
    task = asyncio.create_task(a_requeuer(pages).run())
    await until(lambda: bool(pages.calls))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert pages.is_released
