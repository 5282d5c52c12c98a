"""The times by which a client must have sent, or taken, something."""

import math
from collections.abc import Callable

from libraries.http_server import limits


class Deadlines:
    """The deadlines of a connection, in seconds of `clock`, the event loop's; infinity for none."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._reading = math.inf
        self._writing = math.inf
        self._linger_end = math.inf
        #: The bytes that the client had left unread at the last look.
        self._unsent_bytes = math.inf

    @property
    def next(self) -> float:
        """The earlier one."""
        return min(self._reading, self._writing)

    @property
    def bounds_reading(self) -> bool:
        """Whether the client has to send something."""
        return self._reading != math.inf

    def read_within(self, seconds: float) -> None:
        """Let the client send something within so many seconds."""
        self._reading = self._clock() + seconds

    def read_sooner(self, seconds: float) -> None:
        """Bring a deadline forward."""
        self._reading = min(self._reading, self._clock() + seconds)

    def nothing_to_read(self) -> None:
        """Let the client wait for its response."""
        self._reading = math.inf

    def write_begun(self) -> None:
        """Let the client take some of what waits for it."""
        self._writing = self._clock() + limits.WRITE_SECONDS

    def write_ended(self) -> None:
        """Take note that it has."""
        self._writing = self._unsent_bytes = math.inf

    def linger(self) -> None:
        """Let the client take note of the end."""
        self._linger_end = self._clock() + limits.LINGER_SECONDS
        self.linger_on()

    def linger_on(self) -> None:
        """Let a client that still sends, and is not read, go on for a while."""
        quiet_end = self._clock() + limits.LINGER_IDLE_SECONDS
        self._reading = min(quiet_end, self._linger_end)

    def extend(self, unsent_bytes: int) -> bool:
        """Give a client more time that takes what waits for it; whether it does."""
        if unsent_bytes >= self._unsent_bytes:
            return False
        self._unsent_bytes = unsent_bytes
        later = self._clock() + limits.WRITE_SECONDS
        if self._writing != math.inf:
            self._writing = later
        if self._reading != math.inf:
            self._reading = max(self._reading, later)
        return True
