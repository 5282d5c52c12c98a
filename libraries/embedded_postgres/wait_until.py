"""Wait for conditions and blocking work without blocking the event loop."""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: The interval between checks. A start takes about 0.1 s, and a check only microseconds.
_PAUSE_SECONDS: Final = 0.01


async def wait_until(condition: Callable[[], bool], within: float) -> bool:
    """Return whether `condition` becomes true `within` seconds. Checks it at least once."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + within
    while not condition():
        if clock() >= deadline:
            return False
        await asyncio.sleep(_PAUSE_SECONDS)
    return True


async def in_thread(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run blocking `work` in a thread, and wait for it to finish even if the caller is canceled.

    Threads can't be stopped. An abandoned one could still start a server that is not in use.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # asyncio logs exceptions that are never retrieved
        raise
