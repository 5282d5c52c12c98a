"""The open connections of a process: their deadlines, and a bound on their number."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from libraries.http_server import limits

#: Share of the idle connections that are closed at once when there are too many, so that a flood
#: costs each new connection little.
_SHARE_PERCENT = 5


class Bounded(Protocol):
    """A connection with a deadline."""

    @property
    def deadline(self) -> float:
        """The next deadline, by the event loop's clock, in seconds; infinity for none."""

    def expire(self) -> None:
        """Abort, refuse or close: a deadline has passed."""

    def rank(self) -> tuple[int, float] | None:
        """Return the place among connections that may be closed; None if this one may not."""

    def evict(self) -> None:
        """Close at once."""


class Registry:
    """Expires connections whose deadline has passed, and closes idle ones if there are too many."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._connections: set[Bounded] = set()
        self._max = limits.max_connections()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, connection: Bounded) -> None:
        """Watch the deadlines of a connection; make room for it if there are too many."""
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
        ranked = [(rank, id(each), each) for each in self._connections if (rank := each.rank())]
        ranked.sort()
        for _, _, connection in ranked[: max(1, len(ranked) * _SHARE_PERCENT // 100)]:
            connection.evict()


def after_poll(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Call back after all bytes that have arrived by now were read.

    After a stall of the process, its timers are called before its sockets are read. An event loop
    polls between two turns, so the sockets are read by the second turn from now.
    """
    loop.call_soon(loop.call_soon, loop.call_soon, callback)
