"""The watchdog: restarts an embedded database that has died."""

from collections.abc import Awaitable, Callable
from typing import Final

from application.errors import Unavailable
from libraries.asyncio_tools.heartbeat import between_rounds
from libraries.outages import outages

#: Seconds between two checks.
PERIOD: Final = 0.5


async def keep_alive(
    is_connected: Callable[[], bool],
    ping: Callable[[], Awaitable[object]],
    revive: Callable[[], Awaitable[None]],
) -> None:
    """Check that the database runs, and restart it if it does not.

    It is pinged only while no connection is open: a local server that dies closes all of them.
    """
    if is_connected():
        return
    try:
        await ping()
    except Unavailable as error:
        outages.note(error)
        with between_rounds(idle=True):  # a recovery takes its time
            await revive()
