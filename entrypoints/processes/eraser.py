"""The eraser, which continues erasures of personal data across all processes."""

from typing import Final

from application.accounts.continue_erasures import ContinueErasures
from entrypoints.observability.logs import logger
from entrypoints.processes.supervisor import every, with_database
from libraries.asyncio_tools.heartbeat import beat

#: How often to check whether an erasure is due.
POLL_SECONDS: Final = 10.0


async def erase_periodically(erase: ContinueErasures) -> None:
    """Continue erasures whenever they are due."""
    await every(POLL_SECONDS, with_database(lambda: continue_erasures(erase)))


async def continue_erasures(erase: ContinueErasures) -> None:
    """Continue the erasures that are due."""
    passes = await erase(beat)
    if passes:
        logger.info("personal data erased", passes=passes)
