"""Deadlines of a client: for sending requests, and for reading responses."""

import math
from collections.abc import Callable

from libraries.http_server import limits


class Deadlines:
    """The deadlines of a connection, in seconds of `clock`, the event loop's; infinity if unset."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._reading = math.inf
        self._writing = math.inf
        self._linger_end = math.inf
        #: Unsent bytes at the last check.
        self._unsent_bytes = math.inf

    @property
    def next(self) -> float:
        """The earlier deadline."""
        return min(self._reading, self._writing)

    @property
    def bounds_reading(self) -> bool:
        """Whether the client must send bytes."""
        return self._reading != math.inf

    def read_within(self, seconds: float) -> None:
        """Require bytes of the client within `seconds`."""
        self._reading = self._clock() + seconds

    def read_sooner(self, seconds: float) -> None:
        """Require bytes of the client within `seconds`, if that is earlier."""
        self._reading = min(self._reading, self._clock() + seconds)

    def nothing_to_read(self) -> None:
        """Require no bytes: the client waits for its response."""
        self._reading = math.inf

    def write_begun(self) -> None:
        """Require that the client reads from its response."""
        self._writing = self._clock() + limits.WRITE_SECONDS

    def write_ended(self) -> None:
        """Note that the client has read enough of its response."""
        self._writing = self._unsent_bytes = math.inf

    def linger(self) -> None:
        """Give the client time to notice the end of the connection."""
        self._linger_end = self._clock() + limits.LINGER_SECONDS
        self.linger_on()

    def linger_on(self) -> None:
        """Give more time to a client that still sends, up to a bound."""
        quiet_end = self._clock() + limits.LINGER_IDLE_SECONDS
        self._reading = min(quiet_end, self._linger_end)

    def extend(self, unsent_bytes: int) -> bool:
        """Give more time to a client that reads its response; return whether it does."""
        if unsent_bytes >= self._unsent_bytes:
            return False
        self._unsent_bytes = unsent_bytes
        later = self._clock() + limits.WRITE_SECONDS
        if self._writing != math.inf:
            self._writing = later
        if self._reading != math.inf:
            self._reading = max(self._reading, later)
        return True
