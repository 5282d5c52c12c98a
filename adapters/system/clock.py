"""The time."""

from datetime import UTC, datetime


class SystemClock:
    """`Clock` of the operating system."""

    def now(self) -> datetime:
        """Return the time: aware, in UTC, in whole microseconds."""
        return datetime.now(UTC)
