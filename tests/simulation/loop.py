"""An event loop with virtual time that runs ready callbacks in a chosen sequence."""

import asyncio
import heapq
from asyncio import Handle
from collections import deque
from collections.abc import Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, Protocol, TypeVar

from tests.simulation.choices import Choices

T = TypeVar("T")

#: One callback in this number is run out of turn.
_OUT_OF_TURN: Final = 3
#: The most ready callbacks among which the next one is chosen.
_AMONG: Final = 6
#: A run with more callbacks than this never ends.
_MAX_CALLBACKS: Final = 1_000_000


class Owner(Protocol):
    """A simulated process, to which callbacks and tasks can belong."""

    is_dead: bool
    is_frozen: bool
    parked: list[Handle]

    def own(self, task: "asyncio.Task[Any]", context: Context) -> None:
        """Receive each new task of this process."""


#: The process whose code is running, or None for the servers and the clients.
current_process: Final[ContextVar[Owner | None]] = ContextVar("current_process", default=None)


class EndlessRun(Exception):
    """The run doesn't end, or waits for something that never happens."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs one ready callback at a time. If there is none, its time jumps to the next timer.

    Callbacks of a dead process are dropped, and those of a frozen one are parked.
    """

    # Attributes of the base class that typeshed does not have.
    _ready: deque[Handle]
    _scheduled: list[Any]

    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self._choices = choices
        self._time = 0.0
        self._callbacks_run = 0
        self.set_task_factory(_new_task)  # type: ignore[arg-type]
        self.set_exception_handler(lambda *_: None)

    def time(self) -> float:
        """Return the virtual time in seconds since the start."""
        return self._time

    def unpark(self, process: Owner) -> None:
        """Make the parked callbacks of a process ready."""
        self._ready.extend(process.parked)
        process.parked.clear()

    def _run_once(self) -> None:
        self._callbacks_run += 1
        if self._callbacks_run > _MAX_CALLBACKS:
            raise EndlessRun("too many callbacks")
        timers, ready = self._scheduled, self._ready
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        if not ready:
            if not timers:
                raise EndlessRun("nothing is ready, and there are no timers")
            self._time = max(self._time, timers[0]._when)
        while timers and timers[0]._when <= self._time:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            ready.append(timer)
        self._run(self._next(ready))

    def _next(self, ready: deque[Handle]) -> Handle:
        at = 0
        if len(ready) > 1 and self._choices.happens("reorder", _OUT_OF_TURN):
            at = self._choices.draw("turn", min(len(ready), _AMONG))
        handle = ready[at]
        del ready[at]
        return handle

    def _run(self, handle: Handle) -> None:
        if handle._cancelled:
            return
        context: Context = handle._context  # type: ignore[attr-defined]
        process = context.get(current_process)
        if process is not None:
            if process.is_dead:
                return
            if process.is_frozen:
                process.parked.append(handle)
                return
        handle._run()

    def _process_events(self, _events: Any) -> None:
        """Do nothing, because there is no I/O."""

    def _write_to_self(self) -> None:
        """Do nothing, because there is only one thread."""


def _new_task(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, T],
    context: Context | None = None,
) -> "asyncio.Task[T]":
    context = copy_context() if context is None else context
    task = asyncio.Task(work, loop=loop, context=context)
    process = context.get(current_process)
    if process is not None:
        process.own(task, context)
    return task
