"""Periodic work: rounds, and what happens when one fails."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from application.errors import Unavailable
from entrypoints.logs import logger

#: Seconds until a failed round is run again.
RETRY_SECONDS: Final = 5.0


async def repeat(name: str, seconds: float, run_round: Callable[[], Awaitable[object]]) -> None:
    """Run a round at once and then for ever, `seconds` after the end of the last one.

    A round that fails is logged and run again. An outage is one warning when it begins and one
    when it ends, however long it lasts.
    """
    is_interrupted = False
    while True:
        pause = min(RETRY_SECONDS, seconds)
        try:
            await run_round()
        except Unavailable as error:
            if not is_interrupted:
                logger.warning(f"the {name} waits for a server", reason=str(error))
            is_interrupted = True
        except Exception:  # noqa: BLE001 - one failed round must not end the others
            logger.exception("a round failed and is run again", role=name)
        else:
            pause = seconds
            if is_interrupted:
                logger.warning(f"the {name} continues")
            is_interrupted = False
        await asyncio.sleep(pause)
