"""The time."""

from datetime import UTC, datetime


class SystemClock:
    """The operating system's time."""

    def now(self) -> datetime:
        """The time in UTC, aware, in whole microseconds."""
        return datetime.now(UTC)
