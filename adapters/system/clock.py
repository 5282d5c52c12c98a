"""The system clock."""

from datetime import UTC, datetime


class SystemClock:
    """`Clock` of the operating system."""

    def now(self) -> datetime:
        """Return the current time in UTC, timezone-aware, in microseconds."""
        return datetime.now(UTC)
