"""The time that one request may wait: for auxiliary servers, and for the storage."""

from contextvars import ContextVar
from typing import Final

#: Seconds in total that one request waits for the cache, the rate limiter and other extras.
AUXILIARY_BUDGET_SECONDS: Final = 0.1


class TimeBudget:
    """Seconds that several waits share, one after the other or at the same time."""

    def __init__(self, seconds: float = AUXILIARY_BUDGET_SECONDS) -> None:
        self._left = seconds

    @property
    def left(self) -> float:
        """The remaining seconds; never negative."""
        return self._left

    def spend(self, seconds: float) -> None:
        """Subtract a wait."""
        self._left = max(0.0, self._left - seconds)


#: The budget of the current request; None outside of one.
time_budget: Final[ContextVar[TimeBudget | None]] = ContextVar("time_budget", default=None)

#: Seconds in total that one request waits for the storage before it fails.
STORAGE_DEADLINE_SECONDS: Final = 1.7

#: The time at which the current request stops waiting for the storage, on the event loop's clock;
#: None outside of a request.
storage_deadline: Final[ContextVar[float | None]] = ContextVar("storage_deadline", default=None)
