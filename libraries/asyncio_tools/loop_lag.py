"""Measure how late an event loop is."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from time import perf_counter


class LoopLag:
    """Regularly measures how late a timer is called, until it is stopped.

    A loop that is waiting for its next event calls a timer on time. A loop that is busy calls it
    after the round that it is in, and this is also how long a new request waits before it is read.
    """

    def __init__(self, observe: Callable[[float], None], every_seconds: float) -> None:
        self._observe = observe
        self._every_seconds = every_seconds
        self.is_running = False

    def start(self) -> None:
        """Measure on the running event loop from now on. Call this only if it isn't running."""
        self.is_running = True
        # An empty context, because that of a request must not live on in the timers.
        Context().run(self._wait, asyncio.get_running_loop())

    def stop(self) -> None:
        """Stop measuring. Only `observe` may call this."""
        self.is_running = False

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        # uvloop's own clock only has milliseconds, and stands still during a round.
        due = perf_counter() + self._every_seconds
        loop.call_later(self._every_seconds, self._measure, loop, due)

    def _measure(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._observe(max(0.0, perf_counter() - due))
        if self.is_running:
            self._wait(loop)
