"""Periodic work: rounds, and what happens when one fails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from application.errors import Unavailable
from entrypoints.logs import logger

#: Seconds until a failed round is run again.
RETRY_SECONDS: Final = 5.0
#: Seconds that releasing a lease may take when the process stops.
_RELEASE_SECONDS: Final = 1.0


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


@asynccontextmanager
async def releasing(release: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Release a lease at the end of the block; one that cannot be released ends by itself."""
    try:
        yield
    finally:
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(_RELEASE_SECONDS):
                await release()
