"""A clock that tests can move."""

from datetime import UTC, datetime, timedelta
from typing import Final

NOW: Final = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)


class MovableClock:
    """A `Clock` with a monotonic counterpart."""

    def __init__(self, now: datetime = NOW) -> None:
        self._start = now
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    async def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
