"""Work-arounds for lost cancellations, name resolution and half-open connections."""

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def raise_if_cancelled() -> None:
    """End the current task if it was canceled and a library has swallowed the exception.

    aiokafka's `close` may swallow a cancellation, and so may `asyncio.wait_for` before Python
    3.12, which redis-py calls. A loop that awaits either calls this in every round.

    Raises:
        asyncio.CancelledError: the task was canceled.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def resolve_host(host: str, port: int) -> None:
    """Resolve a host's name before a library connects to it.

    If `create_connection` is canceled during its look-up, uvloop leaves the look-up running, and
    logs an unretrieved exception when it fails. This look-up ends with its caller.

    Raises:
        socket.gaierror: the name cannot be resolved; the message contains it.
    """
    try:
        await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise socket.gaierror(error.errno, f"the host {host}: {error.strerror}") from None


async def shield_for(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Run `work`; a cancellation waits up to `seconds` for its end before it takes effect.

    A canceled connect may leave a connection open for ever without a reference: asyncio before
    Python 3.12, redis-py and aiokafka have this defect.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await _ended(task, seconds)
        task.cancel()
        await _ended(task, seconds)
        raise


async def _ended(task: asyncio.Task[Any], seconds: float) -> None:
    """Wait up to `seconds` for the end of a task, and ignore cancellations of the wait."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while not task.done() and clock() < until:
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task], timeout=until - clock())
