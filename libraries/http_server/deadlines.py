"""Deadlines for sending a request and for reading a response."""

import math
from collections.abc import Callable

from libraries.http_server import limits


class Deadlines:
    """A connection's deadlines in seconds, as event loop time. Infinity means not set."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._reading = math.inf
        self._writing = math.inf
        self._linger_end = math.inf
        #: The number of unsent bytes at the last check.
        self._unsent_bytes = math.inf

    @property
    def next(self) -> float:
        """The earlier of the two deadlines."""
        return min(self._reading, self._writing)

    @property
    def bounds_reading(self) -> bool:
        """Whether the client has to send something."""
        return self._reading != math.inf

    def read_within(self, seconds: float) -> None:
        """Give the client `seconds` to send bytes."""
        self._reading = self._clock() + seconds

    def read_sooner(self, seconds: float) -> None:
        """Give the client `seconds` to send bytes, unless its deadline is already earlier."""
        self._reading = min(self._reading, self._clock() + seconds)

    def nothing_to_read(self) -> None:
        """Remove the deadline for sending, because the client is waiting for its response."""
        self._reading = math.inf

    def write_begun(self) -> None:
        """Give the client a deadline to read some of its response."""
        self._writing = self._clock() + limits.WRITE_SECONDS

    def write_ended(self) -> None:
        """Remove the deadline for reading, because the client has read enough."""
        self._writing = self._unsent_bytes = math.inf

    def linger(self) -> None:
        """Give the client time to notice that the connection is closing."""
        self._linger_end = self._clock() + limits.LINGER_SECONDS
        self.linger_on()

    def linger_on(self) -> None:
        """Give more time to a client that is still sending, up to a limit."""
        quiet_end = self._clock() + limits.LINGER_IDLE_SECONDS
        self._reading = min(quiet_end, self._linger_end)

    def extend(self, unsent_bytes: int) -> bool:
        """Give a client more time if it is reading its response. Return whether it is."""
        if unsent_bytes >= self._unsent_bytes:
            return False
        self._unsent_bytes = unsent_bytes
        later = self._clock() + limits.WRITE_SECONDS
        if self._writing != math.inf:
            self._writing = later
        if self._reading != math.inf:
            self._reading = max(self._reading, later)
        return True
