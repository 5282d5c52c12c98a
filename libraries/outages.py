"""One line in the log when a server goes out of reach, and one when it is back.

An error that means "out of reach" names the server by its attribute `server`. Other errors have no
such attribute, or an empty one.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

logger = logging.getLogger(__name__)


class OutageLog:
    """The outages that a process has seen, in any of its loops and tasks."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._away: set[str] = set()

    def note(self, error: Exception) -> None:
        """Note that a server is out of reach; log it if that is new."""
        server: str = getattr(error, "server", "")
        if not server:
            return
        self._failures[server] += 1
        if server not in self._away:
            self._away.add(server)
            logger.warning("%s is out of reach: %s", server, str(error) or type(error).__name__)

    @contextmanager
    def noticing(self, *servers: str) -> Iterator[None]:
        """Note the outcome of calls to servers in the block.

        An outage has ended when a block succeeds that began after the last failure; an earlier one
        may have had its answer before.
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
        """Note that a server has answered; log it if it was out of reach."""
        if server in self._away:
            self._away.discard(server)
            logger.warning("%s is in reach again", server)


#: The outages of this process.
outages: Final = OutageLog()
