"""How long a loop waits after a failure."""

import asyncio
from typing import Final

FIRST: Final = 0.1
LONGEST: Final = 5.0


class Backoff:
    """Waits twice as long after each failure in a row, from 0.1 s to 5 s."""

    def __init__(self) -> None:
        self._next = FIRST

    def reset(self) -> None:
        """Something went well."""
        self._next = FIRST

    async def wait(self) -> None:
        """Something went wrong."""
        await asyncio.sleep(self.next())

    def next(self) -> float:
        """Return the seconds to wait after one more failure."""
        seconds, self._next = self._next, min(2 * self._next, LONGEST)
        return seconds
