"""Time and ids."""

from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

#: How many milliseconds ids may be ahead of the clock after it has been set back.
MAX_ID_LEAD_MS: Final = 60_000


class Clock(Protocol):
    """Returns the time."""

    def now(self) -> datetime:
        """Return the current time as an aware datetime in UTC, in whole microseconds."""


class IdGenerator(Protocol):
    """Generates version 7 UUIDs (RFC 9562)."""

    def new(self, now: datetime) -> UUID:
        """Return a new id that contains `now` and sorts after all earlier ids from this process.

        The time in the id is never before `now` and at most `MAX_ID_LEAD_MS` after it. If the clock
        was set back further than that, new ids sort before older ones.
        """
