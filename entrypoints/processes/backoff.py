"""How long a loop waits after failures."""

import asyncio
from typing import Final

FIRST: Final = 0.1
LONGEST: Final = 5.0


class Backoff:
    """Exponential backoff from 0.1 s to 5 s."""

    def __init__(self) -> None:
        self._next = FIRST

    def reset(self) -> None:
        """Start over after a success."""
        self._next = FIRST

    async def wait(self) -> None:
        """Wait after a failure."""
        await asyncio.sleep(self.next())

    def next(self) -> float:
        """Return how many seconds to wait after the next failure."""
        seconds, self._next = self._next, min(2 * self._next, LONGEST)
        return seconds
