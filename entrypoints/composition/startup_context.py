"""What must be there before anything can be put together."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from adapters.security.keys import SigningKeys


@dataclass(frozen=True, slots=True)
class StartupContext:
    """A PostgreSQL that answers, with today's schema, and the keys that sign tokens."""

    database_url: str
    keys: SigningKeys
    #: Starts a database of our own again where it has died; of another's nobody here can.
    revive: Callable[[], Awaitable[None]] | None = None
