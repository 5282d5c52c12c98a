"""How long a request may wait for auxiliary servers and for the storage."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

#: How long one request waits for the cache, the rate limiter and other extras in total.
AUXILIARY_BUDGET_SECONDS: Final = 0.1


class TimeBudget:
    """A number of seconds shared by several waits, whether sequential or concurrent."""

    def __init__(self, seconds: float = AUXILIARY_BUDGET_SECONDS) -> None:
        self._left = seconds

    @property
    def left(self) -> float:
        """The remaining seconds, never negative."""
        return self._left

    def spend(self, seconds: float) -> None:
        """Subtract the duration of a wait."""
        self._left = max(0.0, self._left - seconds)

    def spend_concurrently(self, seconds: float, left_before: float) -> None:
        """Subtract a wait that began with `left_before` seconds left.

        Another wait of the same request may already have spent some of this time.
        """
        self._left = max(0.0, min(self._left, left_before - seconds))


#: The current request's budget, or None outside of a request.
time_budget: Final[ContextVar[TimeBudget | None]] = ContextVar("time_budget", default=None)

#: How long one request waits for the storage in total before it fails.
STORAGE_DEADLINE_SECONDS: Final = 1.7

#: When the current request stops waiting for the storage, as event loop time. None outside of a
#: request.
storage_deadline: Final[ContextVar[float | None]] = ContextVar("storage_deadline", default=None)


@contextmanager
def without_storage() -> Iterator[None]:
    """Extend the current request's storage deadline by the duration of the block.

    The block must not wait for the storage.
    """
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    try:
        yield
    finally:
        deadline = storage_deadline.get()
        if deadline is not None:
            storage_deadline.set(deadline + loop.time() - began_at)
