"""Loops that fail, hang or end. The tests take samples themselves and never wait for a clock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest

from application.errors import Unavailable
from entrypoints.processes import supervisor as supervisor_module
from entrypoints.processes.supervisor import (
    FAILURES_IN_A_ROW,
    HEALTHY_SAMPLES,
    STALLED_SAMPLES,
    Supervisor,
    every,
)
from libraries.asyncio_tools.heartbeat import beat, between_rounds, round_done, stop_signal
from tests.support.deadlines import LONG


@pytest.fixture
async def supervisor(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Supervisor]:
    monkeypatch.setattr(supervisor_module, "SAMPLE_SECONDS", LONG)
    monkeypatch.setattr("entrypoints.processes.backoff.FIRST", 0.0)
    supervisor = Supervisor()
    yield supervisor
    await supervisor.stop(0)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LONG):
        while not condition():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0)


class Runs:
    """A loop that does something else each time it is run. The last act is repeated."""

    def __init__(self, *acts: Callable[[], Awaitable[None]]) -> None:
        self._acts = acts
        self.begun = 0

    async def __call__(self) -> None:
        self.begun += 1
        await self._acts[min(self.begun, len(self._acts)) - 1]()


def has_begun(loop: Runs, times: int) -> bool:
    return loop.begun > times


async def fail() -> None:
    """Fail like a loop with a bug."""
    raise RuntimeError("the handler is closed")


async def end() -> None:
    """Return, which a loop must never do."""


async def hang() -> None:
    """Hang without making progress."""
    await asyncio.Event().wait()


async def rest() -> None:
    """Wait because there is nothing to do."""
    with between_rounds(idle=True):
        await hang()


async def away() -> None:
    """Fail because the server is away."""
    raise Unavailable("the database is away")


def sample(supervisor: Supervisor, times: int) -> None:
    for _ in range(times):
        supervisor.sample()


@pytest.mark.parametrize("bad", [fail, end])
async def test_a_loop_that_raises_or_returns_is_restarted(
    supervisor: Supervisor, bad: Callable[[], Awaitable[None]]
) -> None:
    loop = Runs(bad, bad, rest)
    supervisor.start("loop", loop)
    await until(lambda: loop.begun == 3)
    assert supervisor.problems() == []


async def test_a_loop_that_fails_repeatedly_is_a_problem_until_it_succeeds(
    supervisor: Supervisor,
) -> None:
    loop = Runs(*[fail] * FAILURES_IN_A_ROW, rest)
    supervisor.start("loop", loop)
    await until(lambda: loop.begun == FAILURES_IN_A_ROW + 1)
    [problem] = supervisor.problems()
    assert problem.startswith(
        f"loop has failed {FAILURES_IN_A_ROW} times in a row: RuntimeError: the handler is closed"
    )
    sample(supervisor, HEALTHY_SAMPLES)
    assert supervisor.problems() == []


async def test_a_successful_round_resets_the_count_of_failures(supervisor: Supervisor) -> None:
    async def succeed_and_fail() -> None:
        round_done()
        await fail()

    loop = Runs(*[fail] * (FAILURES_IN_A_ROW - 1), *[succeed_and_fail] * 20, rest)
    supervised = supervisor.start("loop", loop)
    await until(lambda: loop.begun == FAILURES_IN_A_ROW + 20)
    assert supervisor.problems() == []
    assert supervised._failures == 1


async def test_the_backoff_is_reset_after_a_success(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrypoints.processes.backoff.FIRST", 0.001)
    loop = Runs(fail, fail, fail, rest)
    supervised = supervisor.start("loop", loop)
    await until(lambda: loop.begun == 4)
    assert supervised._backoff._next > 0.001
    sample(supervisor, HEALTHY_SAMPLES)
    assert supervised._backoff._next == 0.001


async def test_a_loop_without_progress_is_a_problem_and_is_restarted(
    supervisor: Supervisor,
) -> None:
    loop = Runs(hang, rest)
    supervisor.start("loop", loop)
    await until(lambda: loop.begun)
    sample(supervisor, STALLED_SAMPLES - 1)
    assert supervisor.problems() == []
    sample(supervisor, 1)
    [problem] = supervisor.problems()
    assert problem.startswith("loop has made no progress for ")
    await until(lambda: loop.begun == 2)
    assert supervisor.problems() != []
    await asyncio.sleep(0)
    sample(supervisor, 1)
    assert supervisor.problems() == []


async def test_progress_in_the_middle_of_a_round_is_enough(supervisor: Supervisor) -> None:
    more = asyncio.Event()

    async def work() -> None:
        while True:
            await more.wait()
            more.clear()
            beat()

    supervisor.start("loop", work)
    for _ in range(3 * STALLED_SAMPLES):
        more.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        supervisor.sample()
    assert supervisor.problems() == []


@pytest.mark.parametrize("is_watched", [False, True])
async def test_an_idle_loop_is_not_a_problem(
    supervisor: Supervisor,
    is_watched: bool,  # noqa: FBT001
) -> None:
    loop = Runs(rest if is_watched else hang)
    supervisor.start("loop", loop, is_watched=is_watched)
    await until(lambda: loop.begun)
    await asyncio.sleep(0)
    sample(supervisor, 3 * STALLED_SAMPLES)
    assert supervisor.problems() == []


async def test_waiting_for_a_server_is_neither_a_failure_nor_a_stall(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    loop = Runs(away)
    supervisor.start("loop", loop)
    for begun in range(3 * STALLED_SAMPLES):
        await until(partial(has_begun, loop, begun))
        supervisor.sample()
    assert supervisor.problems() == []
    assert not any(record.exc_info for record in caplog.records)


async def test_all_loops_end_between_two_rounds(supervisor: Supervisor) -> None:
    rounds, middle, go_on = 0, asyncio.Event(), asyncio.Event()

    async def work() -> None:
        nonlocal rounds
        while True:
            middle.set()
            await go_on.wait()
            rounds += 1
            round_done()
            with between_rounds():
                pass

    supervisor.start("worker", work)
    supervisor.start("idle", rest)
    supervisor.start("with a signal of its own", lambda: stop_signal().wait())
    await middle.wait()
    stopping = asyncio.create_task(supervisor.stop(LONG))
    await asyncio.sleep(0.01)
    assert not stopping.done()
    go_on.set()
    await stopping
    assert rounds == 1


async def test_a_loop_that_does_not_end_in_time_is_canceled(supervisor: Supervisor) -> None:
    canceled = []

    async def work() -> None:
        try:
            await hang()
        except asyncio.CancelledError:
            canceled.append(True)
            raise

    supervisor.start("loop", work)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await supervisor.stop(0.01)
    assert canceled == [True]


async def test_a_pause_after_a_failure_does_not_delay_the_shutdown(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrypoints.processes.backoff.FIRST", LONG)
    loop = Runs(fail)
    supervisor.start("loop", loop)
    await until(lambda: loop.begun)
    async with asyncio.timeout(LONG / 2):
        await supervisor.stop(LONG)


async def test_a_periodic_call_runs_immediately_and_after_every_pause(
    supervisor: Supervisor,
) -> None:
    acts = Runs(end)
    supervised = supervisor.start("loop", lambda: every(0, acts))
    await until(lambda: acts.begun == 3)
    assert supervised.heartbeat.rounds >= 2
    idle = supervisor.start("idle", lambda: every(LONG, acts))
    await until(lambda: idle.heartbeat.is_idle)
    assert idle.heartbeat.rounds == 1
