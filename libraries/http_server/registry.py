"""Track a process's open connections, enforce their deadlines and limit their number."""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final, Protocol

from libraries.http_server import limits

#: The share of idle connections that are closed together when there are too many. Closing them in
#: batches keeps the cost per new connection low during a flood.
_SHARE_PERCENT = 5
#: How often to log that there are too many connections.
_WARNING_SECONDS: Final = 60.0

_logger = logging.getLogger(__name__)


class Bounded(Protocol):
    """A connection with a deadline."""

    @property
    def deadline(self) -> float:
        """The next deadline in seconds, as event loop time. Infinity means none."""

    def expire(self) -> None:
        """Abort, refuse or close, because a deadline has passed."""

    def rank(self) -> tuple[int, float] | None:
        """Return a sort key for eviction, or None if this connection must not be evicted."""

    def evict(self) -> None:
        """Close immediately."""


class Registry:
    """Expires connections whose deadline has passed, and closes idle ones if there are too many."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._connections: set[Bounded] = set()
        self._max = limits.max_connections()
        self._timer: asyncio.TimerHandle | None = None
        self._next_warning = -math.inf

    def add(self, connection: Bounded) -> None:
        """Start watching a connection's deadlines. Evict others if there are too many."""
        if len(self._connections) >= self._max:
            self._evict()
        self._connections.add(connection)
        if self._timer is None:
            self._timer = self._loop.call_later(limits.TICK_SECONDS, self._tick)

    def discard(self, connection: Bounded) -> None:
        """Stop watching a connection."""
        self._connections.discard(connection)

    def _tick(self) -> None:
        if not self._connections:
            self._timer = None
            return
        self._timer = self._loop.call_later(limits.TICK_SECONDS, self._tick)
        after_poll(self._loop, self._expire)

    def _expire(self) -> None:
        now = self._loop.time()
        for connection in [each for each in self._connections if each.deadline <= now]:
            connection.expire()

    def _evict(self) -> None:
        self._warn()
        ranked = [(rank, id(each), each) for each in self._connections if (rank := each.rank())]
        ranked.sort()
        for _, _, connection in ranked[: max(1, len(ranked) * _SHARE_PERCENT // 100)]:
            connection.evict()

    def _warn(self) -> None:
        if self._loop.time() >= self._next_warning:
            self._next_warning = self._loop.time() + _WARNING_SECONDS
            _logger.warning("%d connections are open, so idle ones are closed", self._max)


def after_poll(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Call back once all bytes that have already arrived have been read.

    If the process has stalled, the event loop runs overdue timers before it reads the sockets.
    Since it polls between iterations, the sockets have been read two iterations from now.
    """
    loop.call_soon(loop.call_soon, loop.call_soon, callback)
