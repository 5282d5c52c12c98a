"""Workarounds for lost cancellations, orphaned name look-ups and half-open connections."""

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def raise_if_cancelled() -> None:
    """End the current task if it was canceled but a library has swallowed the exception.

    aiokafka's `close` may swallow a cancellation. So may `asyncio.wait_for`, which redis-py uses,
    before Python 3.12. Loops that await either of them should call this function in every round.

    Raises:
        asyncio.CancelledError: the task was canceled.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def resolve_host(host: str, port: int) -> None:
    """Resolve a host name before a library connects to it.

    If `create_connection` is canceled during its look-up, uvloop leaves the look-up running and
    logs an unretrieved exception when it fails. This look-up is canceled together with the caller.

    Raises:
        socket.gaierror: the name cannot be resolved. The message contains the name.
    """
    try:
        await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise socket.gaierror(error.errno, f"the host {host}: {error.strerror}") from None


async def shield_for(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Run `work`. If the caller is canceled, first give `work` up to `seconds` to finish.

    Without this, canceling a connect may leak an open connection. asyncio before Python 3.12,
    redis-py and aiokafka all have this bug.
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
    """Wait up to `seconds` for a task to finish, ignoring cancellations of the wait itself."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while not task.done() and clock() < until:
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task], timeout=until - clock())
