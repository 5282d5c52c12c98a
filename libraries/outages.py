"""Log a line when a server becomes unreachable, and another when it is back.

If an error means that a server is unreachable, its `server` attribute contains the server's name.
Other errors don't have this attribute, or it is empty.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

logger = logging.getLogger(__name__)


def reason_of(error: BaseException) -> str:
    """Return a line with the reason for an outage, which is the error's cause if it has one.

    The text of the error itself may be meant for clients.
    """
    cause = error.__cause__ or error
    return next(iter(str(cause).splitlines()), type(cause).__name__)


class OutageLog:
    """The outages seen by all event loops and tasks of this process."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._away: set[str] = set()

    def note(self, error: Exception) -> None:
        """Record that a server is unreachable, and log it unless it already was."""
        server: str = getattr(error, "server", "")
        if not server:
            return
        self._failures[server] += 1
        if server not in self._away:
            self._away.add(server)
            logger.warning("%s is unreachable: %s", server, reason_of(error))

    @contextmanager
    def noticing(self, *servers: str) -> Iterator[None]:
        """Record whether the calls to `servers` in this block succeed.

        A success ends the outage only if the block began after the last failure. Otherwise, its
        response may have arrived before that failure.
        """
        failures = {server: self._failures[server] for server in servers}
        try:
            yield
        except Exception as error:
            self.note(error)
            raise
        for server in servers:
            if failures[server] == self._failures[server]:
                self.end(server)

    def end(self, server: str) -> None:
        """Record that a server has responded, and log it if the server was unreachable."""
        if server in self._away:
            self._away.discard(server)
            logger.warning("%s is reachable again", server)


#: All outages seen by this process.
outages: Final = OutageLog()
