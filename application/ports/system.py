"""Time and identity, so that everything else can be pure."""

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """The time in UTC, aware, in whole microseconds."""


class IdGenerator(Protocol):
    """Identities: UUID version 7 (RFC 9562)."""

    def new(self, now: datetime) -> UUID:
        """A new id that sorts behind all that this process made before, and carries `now`."""
