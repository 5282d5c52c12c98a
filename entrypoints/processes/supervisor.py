"""The supervisor restarts the loops of a process, checks their health, and ends them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from traceback import extract_tb
from typing import Final

from application.errors import BrokerUnavailable, Unavailable
from entrypoints.observability.logs import logger
from entrypoints.processes.backoff import Backoff
from libraries.asyncio_tools.heartbeat import Heartbeat, between_rounds, heartbeat, round_done
from libraries.outages import outages

#: Time between two samples. A frozen process does not take any, so freezing is not stalling.
SAMPLE_SECONDS: Final = 2.5
#: A loop has stalled after this many samples in a row without progress, which is a minute.
STALLED_SAMPLES: Final = 24
#: A loop is healthy again after running for this many samples since a failure, which is 10 s.
HEALTHY_SAMPLES: Final = 4
#: After this many failures in a row (about 20 s), restarting does not seem to help.
FAILURES_IN_A_ROW: Final = 10
#: How long a canceled loop may take to end.
_CANCEL_SECONDS: Final = 1.0

Loop = Callable[[], Awaitable[object]]


class SupervisedLoop:
    """A loop that is run again if it raises or returns before it is supposed to end."""

    def __init__(self, name: str, loop: Loop, *, is_watched: bool) -> None:
        self.name = name
        self.heartbeat = Heartbeat()
        self._loop = loop
        self._is_watched = is_watched
        self._backoff = Backoff()
        self._run: asyncio.Future[object] | None = None
        self._failures = 0
        self._last_failure = ""
        self._rounds_before = 0
        self._healthy_samples = 0
        self._silent_samples = 0
        self._beats_seen = 0

    async def run(self) -> None:
        """Run the loop until it is supposed to end."""
        heartbeat.set(self.heartbeat)
        while not self.heartbeat.stop.is_set():
            self._rounds_before, self._healthy_samples = self.heartbeat.rounds, 0
            self._run = asyncio.ensure_future(self._loop())
            await asyncio.wait({self._run})
            self._judge(self._run)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._backoff.next()):
                    await self.heartbeat.stop.wait()

    def _judge(self, run: asyncio.Future[object]) -> None:
        """Record why the loop has ended."""
        error = None if run.cancelled() else run.exception()
        if isinstance(error, Unavailable | BrokerUnavailable):
            outages.note(error)
            self.heartbeat.beats += 1  # waiting for a server is not a failure or a stall
        elif error is not None or not self.heartbeat.stop.is_set():
            self._fail(run.cancelled(), error)

    def _fail(self, canceled: bool, error: BaseException | None) -> None:  # noqa: FBT001
        if self.heartbeat.rounds != self._rounds_before:
            self._recover()
        self._failures += 1
        ended = "it was canceled" if canceled else "it returned"
        self._last_failure = ended if error is None else _described(error)
        logger.error("a loop failed", loop=self.name, reason=self._last_failure)
        logger.debug("its failure", loop=self.name, exc_info=error)

    def _recover(self) -> None:
        self._failures = 0
        self._backoff.reset()

    def sample(self) -> None:
        """Check the loop's progress since the last sample."""
        if self._run is None or self._run.done():
            return
        self._healthy_samples += 1
        if self._healthy_samples >= HEALTHY_SAMPLES or self.heartbeat.rounds != self._rounds_before:
            self._recover()
        if (
            not self._is_watched
            or self.heartbeat.is_idle
            or self.heartbeat.beats != self._beats_seen
        ):
            self._silent_samples = 0
        else:
            self._silent_samples += 1
        self._beats_seen = self.heartbeat.beats
        if self._silent_samples and self._silent_samples % STALLED_SAMPLES == 0:
            logger.error("a loop makes no progress and is canceled", loop=self.name)
            self._run.cancel()

    @property
    def problem(self) -> str | None:
        """The loop's problem, or None."""
        if self._silent_samples >= STALLED_SAMPLES:
            seconds = round(self._silent_samples * SAMPLE_SECONDS)
            return f"{self.name} has made no progress for {seconds} s"
        if self._failures >= FAILURES_IN_A_ROW:
            return f"{self.name} has failed {self._failures} times in a row: {self._last_failure}"
        return None

    def end(self, *, at_once: bool = False) -> None:
        """Let the loop end between two rounds. With `at_once`, cancel it in the middle of one."""
        self.heartbeat.stop.set()
        if self._run is not None and (at_once or self.heartbeat.may_end):
            self._run.cancel()


class Supervisor:
    """Starts and ends the loops of a process, and watches their progress."""

    def __init__(self) -> None:
        self._loops: dict[SupervisedLoop, asyncio.Task[None]] = {}
        self._sampler: asyncio.Task[None] | None = None

    def start(self, name: str, loop: Loop, *, is_watched: bool = True) -> SupervisedLoop:
        """Start a loop. Unless it `is_watched`, it is not expected to make progress."""
        supervised = SupervisedLoop(name, loop, is_watched=is_watched)
        self._loops[supervised] = asyncio.create_task(supervised.run())
        self._sampler = self._sampler or asyncio.create_task(self._sample_for_ever())
        return supervised

    def problems(self) -> list[str]:
        """Return the problems of all loops that should be running."""
        ended = [
            f"{each.name} has ended"
            for each, task in self._loops.items()
            if task.done() and not each.heartbeat.stop.is_set()
        ]
        return ended + [each.problem for each in self._loops if each.problem]

    def sample(self) -> None:
        """Check each loop's progress. This is called on a timer."""
        for each in self._loops:
            each.sample()

    async def stop(self, drain_seconds: float) -> None:
        """Let all loops end between two rounds, and cancel those that don't end in time."""
        if self._sampler is not None:
            self._sampler.cancel()
        for each in self._loops:
            each.end()
        if await self._late(drain_seconds):
            for each, task in self._loops.items():
                if not task.done():
                    logger.warning("a loop is canceled in the middle of a round", loop=each.name)
                    each.end(at_once=True)
            await self._late(_CANCEL_SECONDS)
        for task in self._loops.values():
            task.cancel()
        await asyncio.gather(*self._loops.values(), return_exceptions=True)

    async def _late(self, seconds: float) -> bool:
        if not self._loops:
            return False
        _, late = await asyncio.wait(self._loops.values(), timeout=seconds)
        return bool(late)

    async def _sample_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            self.sample()


async def every(seconds: float, act: Loop) -> None:
    """Call `act` now, and again `seconds` after each time it returns, forever."""
    while True:
        await act()
        round_done()
        with between_rounds(idle=True):
            await asyncio.sleep(seconds)


def with_database(act: Loop) -> Loop:
    """Return `act`, but record the beginning or the end of a database outage when it is called."""

    async def noticed() -> None:
        with outages.noticing(Unavailable.server):
            await act()

    return noticed


def _described(error: BaseException) -> str:
    """Describe an error in one line, including the place that raised it."""
    frames = extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
