"""A limit on requests in flight that adapts to their measured latency.

The limit changes once per interval, by the ratio of the target latency to the measured one. This is
the gradient of Netflix's concurrency-limits and of Envoy's adaptive concurrency filter, except that
the target is fixed, because a learned baseline would drift with the mix of routes. A ratio works
because the latency in a queue is proportional to the number of requests in it (Little's law).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final

#: The range of the ratio. A limit can be halved, but it grows carefully.
_MIN_GRADIENT: Final = 0.5
_MAX_GRADIENT: Final = 1.15
#: Congestion has to last for this many intervals, because a machine can stall for a moment.
_STANDING_INTERVALS: Final = 2


@dataclass(frozen=True, slots=True)
class LimitConfig:
    """The settings of a limit.

    A latency above the target only counts as congestion if the event loop is late as well. It has
    another reason otherwise, such as a slow server, and refusing requests would not help.

    Raises:
        ValueError: the bounds are not in order.
    """

    minimum: int
    initial: int
    maximum: int
    target_seconds: float
    busy_lag_seconds: float
    interval_seconds: float

    def __post_init__(self) -> None:
        if not 1 <= self.minimum <= self.initial <= self.maximum:
            raise ValueError("the bounds must be 1 <= minimum <= initial <= maximum")


@dataclass(frozen=True, slots=True)
class Interval:
    """The figures of an interval that has ended."""

    #: The limit from now on.
    limit: int
    in_flight: int
    finished: int
    refused: int
    #: The mean latency of the finished requests, or 0.
    latency_seconds: float
    #: The mean lag of the event loop.
    lag_seconds: float

    @property
    def is_idle(self) -> bool:
        """Whether there were no requests."""
        return not (self.in_flight or self.finished or self.refused)


class ConcurrencyLimit:
    """Decides whether a request may start, by the number of requests in flight.

    Not thread-safe, because it's meant for a single event loop. The clock returns seconds.
    """

    __slots__ = (
        "_clock",
        "_config",
        "_congested_intervals",
        "_finished",
        "_lag_samples",
        "_lag_seconds",
        "_latency_seconds",
        "_next_change",
        "_peak",
        "_refused",
        "in_flight",
        "limit",
    )

    def __init__(self, config: LimitConfig, clock: Callable[[], float]) -> None:
        self._config = config
        self._clock = clock
        self.in_flight = 0
        self.limit = config.initial
        self._congested_intervals = 0
        self._next_change = clock() + config.interval_seconds
        self._begin_interval()

    def _begin_interval(self) -> None:
        self._peak = self.in_flight
        self._finished = self._refused = self._lag_samples = 0
        self._latency_seconds = self._lag_seconds = 0.0

    def try_start(self) -> bool:
        """Count a request as in flight and return True, or refuse it if the limit is reached."""
        in_flight = self.in_flight
        if in_flight >= self.limit:
            self._refused += 1
            return False
        self.in_flight = in_flight = in_flight + 1
        self._peak = max(self._peak, in_flight)
        return True

    def finish(self, latency_seconds: float) -> None:
        """Count a request as finished."""
        self.in_flight -= 1
        self._finished += 1
        self._latency_seconds += latency_seconds

    def observe_lag(self, lag_seconds: float) -> Interval | None:
        """Add a sample of the event loop's lag. If the interval has ended, return its figures."""
        self._lag_seconds += lag_seconds
        self._lag_samples += 1
        now = self._clock()
        if now < self._next_change:
            return None
        self._next_change = now + self._config.interval_seconds
        latency = self._latency_seconds / max(1, self._finished)
        lag = self._lag_seconds / self._lag_samples
        self.limit = self._next_limit(latency, lag)
        ended = Interval(self.limit, self.in_flight, self._finished, self._refused, latency, lag)
        self._begin_interval()
        return ended

    def _next_limit(self, latency_seconds: float, lag_seconds: float) -> int:
        config, limit = self._config, self.limit
        is_busy = lag_seconds > config.busy_lag_seconds
        if self._peak == 0:  # no request, so there is no queue
            self._congested_intervals = 0
            return config.initial
        if is_busy and self._finished == 0:
            return limit  # the latency isn't known
        if is_busy and latency_seconds > config.target_seconds:
            self._congested_intervals += 1
            if self._congested_intervals < _STANDING_INTERVALS:
                return limit
            # If the limit is above the number in flight, lowering it a little has no effect.
            gradient = max(_MIN_GRADIENT, config.target_seconds / latency_seconds)
            return max(config.minimum, round(min(limit, self._peak) * gradient))
        self._congested_intervals = 0
        if self._refused or limit < config.initial:
            return min(config.maximum, ceil(limit * _MAX_GRADIENT))
        # After a burst, the next one has to start again.
        return limit if self._peak > config.initial else config.initial
