"""The watchdog, which restarts an embedded database that has died."""

from collections.abc import Awaitable, Callable
from typing import Final

from application.errors import Unavailable
from libraries.asyncio_tools.heartbeat import between_rounds
from libraries.outages import outages

#: Time between two checks in seconds.
PERIOD: Final = 0.5


async def keep_alive(
    is_connected: Callable[[], bool],
    ping: Callable[[], Awaitable[object]],
    revive: Callable[[], Awaitable[None]],
) -> None:
    """Check that the database is running, and restart it if it is not.

    It is only pinged if there are no open connections, because a local server that dies closes all
    of them.
    """
    if is_connected():
        return
    try:
        await ping()
    except Unavailable as error:
        outages.note(error)
        with between_rounds(idle=True):  # a recovery can take a while
            await revive()
