"""Continue erasures in the background."""

from collections.abc import Callable
from typing import Final

from application.accounts.erase_personal_data import ErasePersonalData
from application.ports.erasures import Erasures
from application.ports.system import Clock

_AT_ONCE: Final = 20


class ContinueErasures:
    """Continue erasures that a request has left, and make the last pass of each erasure."""

    def __init__(self, erasures: Erasures, erase: ErasePersonalData, clock: Clock) -> None:
        self._erasures = erasures
        self._erase = erase
        self._clock = clock

    async def __call__(self, after_batch: Callable[[], None]) -> int:
        """Return the number of passes that were completed. `after_batch` lets the caller report.

        Raises:
            Unavailable: the storage is unreachable.
        """

        def may_continue() -> bool:
            after_batch()
            return True

        due = await self._erasures.due(self._clock.now(), _AT_ONCE)
        return sum([await self._erase(erasure, may_continue) for erasure in due])
