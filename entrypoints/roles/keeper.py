"""The keeper: starts a database of our own again if it has died."""

from collections.abc import Awaitable, Callable
from typing import Final

from application.errors import Unavailable
from application.outages import outages
from application.progress import between_rounds

#: Seconds between two signs of life.
PERIOD: Final = 0.5


async def keep_alive(
    ping: Callable[[], Awaitable[None]], revive: Callable[[], Awaitable[None]]
) -> None:
    """See whether the database answers; if it does not, start it again."""
    try:
        await ping()
    except Unavailable as error:
        outages.note(error)
        with between_rounds(idle=True):  # a recovery takes its time
            await revive()
