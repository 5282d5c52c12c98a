"""One line in the log when a server goes out of reach, and one when it is back."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from application.errors import (
    BrokerUnavailable,
    ConcurrentUpdate,
    QueueUnavailable,
    Unavailable,
)

logger = logging.getLogger(__name__)

DATABASE: Final = Unavailable.server
QUEUE: Final = QueueUnavailable.server
BROKER: Final = BrokerUnavailable.server


class OutageLog:
    """The outages that a process has seen, whichever of its loops and tasks met them."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._away: set[str] = set()

    def note(self, error: Unavailable | BrokerUnavailable) -> None:
        """Note that a server is out of reach; log it if that is new. A lost race is no outage."""
        if isinstance(error, ConcurrentUpdate):
            return
        server = error.server
        self._failures[server] += 1
        if server not in self._away:
            self._away.add(server)
            logger.warning("%s is out of reach: %s", server, str(error) or type(error).__name__)

    @contextmanager
    def noticing(self, server: str) -> Iterator[None]:
        """Note what happens to calls to a server in the block.

        The outage has ended when a block succeeds that began after the last failure; an earlier
        one may have had its answer before.
        """
        failures = self._failures[server]
        try:
            yield
        except (Unavailable, BrokerUnavailable) as error:
            self.note(error)
            raise
        if failures == self._failures[server]:
            self.end(server)

    def end(self, server: str) -> None:
        """Note that a server has answered; log it if it was out of reach."""
        if server in self._away:
            self._away.discard(server)
            logger.warning("%s is in reach again", server)


#: The outages of this process.
outages: Final = OutageLog()
