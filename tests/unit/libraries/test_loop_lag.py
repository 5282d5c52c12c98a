import asyncio
import time
from contextvars import ContextVar

from libraries.asyncio_tools.loop_lag import LoopLag
from tests.support.deadlines import LONG


async def test_timer_behind_a_long_callback_is_late() -> None:
    """A callback can take longer than expected on a busy machine, but never less time."""
    lags: asyncio.Queue[float] = asyncio.Queue()
    lag = LoopLag(lags.put_nowait, every_seconds=0.01)
    lag.start()
    time.sleep(0.2)  # noqa: ASYNC251 - this is the long callback
    async with asyncio.timeout(LONG):
        assert await lags.get() >= 0.15
        assert await lags.get() >= 0
    lag.stop()


async def test_nothing_is_measured_after_a_stop_until_the_next_start() -> None:
    lags: list[float] = []
    measured = asyncio.Event()

    def observe(seconds: float) -> None:
        lags.append(seconds)
        lag.stop()
        measured.set()

    lag = LoopLag(observe, every_seconds=0)
    assert not lag.is_running
    for starts in (1, 2):
        measured.clear()
        lag.start()
        async with asyncio.timeout(LONG):
            await measured.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(lags) == starts
        assert not lag.is_running


async def test_the_context_of_a_request_does_not_live_on_in_the_timers() -> None:
    request: ContextVar[str] = ContextVar("request", default="none")
    request.set("the first request")
    seen: asyncio.Queue[str] = asyncio.Queue()
    lag = LoopLag(lambda _: seen.put_nowait(request.get()), every_seconds=0)
    lag.start()
    async with asyncio.timeout(LONG):
        assert [await seen.get(), await seen.get()] == ["none", "none"]
    lag.stop()
