"""Time and identity, so that everything else can be pure."""

from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

#: How far an id's time may be ahead of the clock, in milliseconds, when the clock has stepped back.
MAX_ID_LEAD_MS: Final = 60_000


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """The time in UTC, aware, in whole microseconds."""


class IdGenerator(Protocol):
    """Identities: UUID version 7 (RFC 9562)."""

    def new(self, now: datetime) -> UUID:
        """A new id that sorts behind all that this process made before, and carries `now`.

        The id's time is never before `now`, and at most `MAX_ID_LEAD_MS` after it: if the clock has
        stepped back further, ids follow the clock.
        """
