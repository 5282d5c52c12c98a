"""Refuse requests past the capacity of the process (load shedding, ADR 38)."""

from time import perf_counter
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from entrypoints.http.errors import Overloaded
from entrypoints.http.problems.responses import problem_response
from entrypoints.observability.logs import logger
from entrypoints.observability.metrics.load import show_load
from libraries.asyncio_tools.loop_lag import LoopLag
from libraries.concurrency_limit import ConcurrencyLimit, Interval, LimitConfig

LIMIT_CONFIG: Final = LimitConfig(
    # Even a process that hardly gets any CPU time serves this many requests in time.
    minimum=32,
    initial=1024,
    # The HTTP server doesn't accept more connections.
    maximum=10_000,
    # Far from the storage's deadline (1.8 s), which would end requests that have done most of their
    # work.
    target_seconds=0.75,
    busy_lag_seconds=0.005,
    interval_seconds=0.5,
)
_MEASURE_EVERY_SECONDS: Final = 0.02
#: Requests that show the state of the process are always served.
_ALWAYS_SERVED: Final = ("/health", "/metrics")


class OverloadMiddleware:
    """Responds with 503 if too many requests are in flight."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limit = ConcurrencyLimit(LIMIT_CONFIG, perf_counter)
        self._lag = LoopLag(self._observe_lag, _MEASURE_EVERY_SECONDS)
        #: How many requests have been refused since the beginning of the overload.
        self._refused = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(_ALWAYS_SERVED):
            await self._app(scope, receive, send)
            return
        if not self._lag.is_running:
            self._lag.start()
        if not self._limit.try_start():
            await _refuse(scope, receive, send)
            return
        started = perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            self._limit.finish(perf_counter() - started)

    def _observe_lag(self, seconds: float) -> None:
        """Adapt the limit. Stop measuring after an interval without requests."""
        interval = self._limit.observe_lag(seconds)
        if interval is None:
            return
        if interval.is_idle:
            self._lag.stop()
        show_load(interval)
        self._log(interval)

    def _log(self, interval: Interval) -> None:
        """Log the beginning and the end of an overload, instead of each refused request."""
        was_overloaded = self._refused > 0
        self._refused += interval.refused
        if self._refused and not was_overloaded:
            logger.warning("overloaded: refusing requests", **_figures(interval))
        elif was_overloaded and not interval.refused:
            refused, self._refused = self._refused, 0
            logger.warning("no longer overloaded", refused=refused, **_figures(interval))


def _figures(interval: Interval) -> dict[str, Any]:
    return {
        "limit": interval.limit,
        "in_flight": interval.in_flight,
        "latency_ms": round(interval.latency_seconds * 1000, 1),
        "loop_lag_ms": round(interval.lag_seconds * 1000, 1),
    }


async def _refuse(scope: Any, receive: Receive, send: Send) -> None:
    await problem_response(scope, Overloaded())(scope, receive, send)
