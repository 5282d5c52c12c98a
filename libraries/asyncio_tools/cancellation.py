"""A cancellation that was swallowed on its way, heard all the same."""

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def raise_if_cancelled() -> None:
    """End the present task, where somebody has asked it to end and a library kept that to itself.

    aiokafka's `close` may swallow a cancellation, and so may `asyncio.wait_for`, which redis
    calls, before Python 3.12. Whoever waits for either in a loop asks here in every round.

    Raises:
        asyncio.CancelledError: somebody has.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def resolve_host(host: str, port: int) -> None:
    """Resolve a host's name before a library connects to it.

    uvloop leaves its look-up running if `create_connection` is canceled in the middle of it, and
    logs an unretrieved exception when that fails. This one ends with its caller.

    Raises:
        socket.gaierror: the name cannot be resolved; the error has the name.
    """
    try:
        await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise socket.gaierror(error.errno, f"the host {host}: {error.strerror}") from None


async def shield_for(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Do `work`; a cancellation waits up to `seconds` for its end before it takes effect.

    A connection whose making is canceled may stay open for ever, with no reference to it left:
    asyncio before Python 3.12, redis and aiokafka all lose one so.
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
    """Wait up to `seconds` for the end of a task, however often the wait is canceled."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while not task.done() and clock() < until:
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task], timeout=until - clock())
