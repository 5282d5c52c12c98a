"""How long a request waits: for what it could do without, and for what it cannot."""

from contextvars import ContextVar
from typing import Final

#: Seconds, in all, that one request waits for the cache, the limiter and the like.
AUXILIARY_BUDGET_SECONDS: Final = 0.1


class TimeBudget:
    """Some seconds, spent by one wait after the other."""

    def __init__(self, seconds: float = AUXILIARY_BUDGET_SECONDS) -> None:
        self._left = seconds

    @property
    def left(self) -> float:
        """Seconds that may still be waited; never negative."""
        return self._left

    def spend(self, seconds: float) -> None:
        """Note a wait."""
        self._left = max(0.0, self._left - seconds)


#: The patience of the request that is being served; None outside of one.
time_budget: Final[ContextVar[TimeBudget | None]] = ContextVar("patience", default=None)

#: Seconds, in all, that one request waits for the storage before it is answered without.
STORAGE_DEADLINE_SECONDS: Final = 1.7

#: When the request that is being served stops waiting for the storage, on the event loop's clock;
#: None outside of one.
storage_deadline: Final[ContextVar[float | None]] = ContextVar("storage_deadline", default=None)
