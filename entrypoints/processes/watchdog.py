"""The keeper: starts a database of our own again if it has died."""

from collections.abc import Awaitable, Callable
from typing import Final

from application.errors import Unavailable
from libraries.asyncio_tools.heartbeat import between_rounds
from libraries.outages import outages

#: Seconds between two signs of life.
PERIOD: Final = 0.5


async def keep_alive(
    is_connected: Callable[[], bool],
    ping: Callable[[], Awaitable[object]],
    revive: Callable[[], Awaitable[None]],
) -> None:
    """See whether the database lives; if it does not, start it again.

    It is asked only while no connection to it is open: the death of a local server closes them all.
    """
    if is_connected():
        return
    try:
        await ping()
    except Unavailable as error:
        outages.note(error)
        with between_rounds(idle=True):  # a recovery takes its time
            await revive()
