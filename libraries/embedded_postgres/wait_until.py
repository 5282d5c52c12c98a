"""Waiting without blocking the event loop."""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: Seconds between two looks: short beside a start (0.1 s), and a look costs microseconds.
_PAUSE_SECONDS: Final = 0.01


async def wait_until(condition: Callable[[], bool], within: float) -> bool:
    """Whether `condition` comes true within so many seconds; it is looked at once at least."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + within
    while not condition():
        if clock() >= deadline:
            return False
        await asyncio.sleep(_PAUSE_SECONDS)
    return True


async def in_thread(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run blocking `work` in a thread, and to its end even when cancelled.

    A thread cannot be stopped: left behind, it would start a server after everybody has gone.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain that nobody did
        raise
