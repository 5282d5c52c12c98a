"""Time and ids."""

from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

#: The most milliseconds by which an id may be ahead of a clock that was set back.
MAX_ID_LEAD_MS: Final = 60_000


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """Return the time: aware, in UTC, in whole microseconds."""


class IdGenerator(Protocol):
    """Makes UUIDs version 7 (RFC 9562)."""

    def new(self, now: datetime) -> UUID:
        """Return a new id that carries `now` and sorts after all earlier ids of this process.

        The id's time is never before `now`, and at most `MAX_ID_LEAD_MS` after it. If the clock was
        set back by more, new ids sort before older ones.
        """
