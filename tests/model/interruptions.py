"""Interrupt a use case between two calls of its ports.

Every call has a point before it and a point after it. At one of these points, the use case can be
killed or canceled, or another use case can run from start to end.
"""

import inspect
from asyncio import CancelledError
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from hypothesis import strategies as st

T = TypeVar("T")


#: Methods outside of transactions that commit a change before they return. `add_once` only does so
#: if it returns its own record.
_COMMITTING: Final = {"add", "add_once", "renew", "end", "update"}


class Killed(BaseException):
    """The process was killed, which no `except` clause of the service can notice."""


@dataclass(frozen=True, slots=True)
class Crash:
    """An error that is raised at a point. Points are counted from 0."""

    at: int
    error: type[BaseException]


#: A use case that has fewer points than `at` is not interrupted. Most have fewer than 20.
CRASHES: Final[st.SearchStrategy[Crash | None]] = st.none() | st.builds(
    Crash, st.integers(0, 9) | st.integers(0, 18), st.sampled_from([Killed, CancelledError])
)


@dataclass(slots=True)
class Points:
    """Counts the points of the running use case and interrupts it at one of them."""

    crash: Crash | None = None
    meanwhile: Callable[[], Awaitable[None]] | None = None
    meanwhile_at: int = 0
    passed: int = 0
    #: Whether the use case holds a lock for which another use case would have to wait.
    is_locking: bool = False
    #: Whether the use case has committed a change.
    has_committed: bool = False

    async def reach(self) -> None:
        """Pass a point. The other use case has to wait until there aren't any locks."""
        at = self.reach_sync()
        if self.meanwhile is not None and at >= self.meanwhile_at and not self.is_locking:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()

    def reach_sync(self) -> int:
        """Pass a point outside of a coroutine. Return its number."""
        at, self.passed = self.passed, self.passed + 1
        if self.crash is not None and at == self.crash.at:
            error, self.crash = self.crash.error, None
            raise error
        return at

    async def run(self, use_case: Awaitable[T]) -> T:
        """Run a use case from its first point, without locks."""
        self.passed, self.is_locking, self.has_committed = 0, False, False
        try:
            return await use_case
        finally:
            self.crash = self.meanwhile = None


def interruptible(port: T, points: Points) -> T:
    """Return the same port with points around each call."""
    return cast(T, _Port(port, points))


class _Port:
    """Wraps the methods of a port, and the parts of its transactions."""

    def __init__(self, port: Any, points: Points, *, in_transaction: bool = False) -> None:
        self._port = port
        self._points = points
        self._in_transaction = in_transaction

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if name in {"orders", "inbox", "effects"}:
            return _Port(value, self._points, in_transaction=True)
        if inspect.iscoroutinefunction(value):
            return lambda *args, **named: self._call(name, value, *args, **named)
        if name in {"begin", "batch"}:
            return lambda *args: self._entered(value(*args))
        return self._call_sync(value) if callable(value) else value

    async def __call__(self, *args: Any, **named: Any) -> Any:
        return await self._call("", self._port, *args, **named)

    @asynccontextmanager
    async def _entered(self, context: Any) -> AsyncIterator[Any]:
        await self._points.reach()
        try:
            async with context as inner:
                yield _Port(inner, self._points, in_transaction=True)
                await self._points.reach()
        finally:
            self._points.is_locking = False
        await self._points.reach()

    async def _call(self, name: str, method: Any, *args: Any, **named: Any) -> Any:
        await self._points.reach()
        # Reads don't lock rows, and neither adapter begins a transaction before its first write.
        if self._in_transaction and name != "get":
            self._points.is_locking = True
        result = await method(*args, **named)
        if name == "commit" or (name in _COMMITTING and not self._in_transaction):
            self._points.has_committed = name != "add_once" or result == args[-1]
        await self._points.reach()
        return result

    def _call_sync(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            self._points.reach_sync()
            result = method(*args, **named)
            self._points.reach_sync()
            return result

        return call
