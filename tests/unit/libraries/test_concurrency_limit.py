"""The adaptive limit on requests in flight, with a clock of its own."""

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libraries.concurrency_limit import ConcurrencyLimit, Interval, LimitConfig

CONFIG: Final = LimitConfig(
    minimum=8,
    initial=32,
    maximum=128,
    target_seconds=0.5,
    busy_lag_seconds=0.005,
    interval_seconds=0.5,
)
SLOW, FAST = 4.0, 0.01
LATE, ON_TIME = 0.1, 0.001


class Load:
    """A limit, with the requests and the clock around it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.limit = ConcurrencyLimit(CONFIG, lambda: self.now)

    def send(self, requests: int) -> int:
        """Start requests, and return how many were admitted."""
        return sum([self.limit.try_start() for _ in range(requests)])

    def finish(self, requests: int, seconds: float) -> None:
        for _ in range(requests):
            self.limit.finish(seconds)

    def end_interval(self, lag_seconds: float) -> Interval:
        self.now += CONFIG.interval_seconds
        ended = self.limit.observe_lag(lag_seconds)
        assert ended is not None
        return ended

    def interval(self, requests: int, seconds: float, lag_seconds: float) -> Interval:
        """Run an interval in which all admitted requests take `seconds`."""
        self.finish(self.send(requests), seconds)
        return self.end_interval(lag_seconds)


def test_requests_past_the_limit_are_refused_until_one_has_finished() -> None:
    load = Load()
    assert load.send(CONFIG.initial + 5) == CONFIG.initial
    assert load.send(1) == 0
    load.finish(1, FAST)
    assert load.send(2) == 1


def test_interval_has_the_means_and_counts_of_its_requests() -> None:
    load = Load()
    load.send(CONFIG.initial + 3)
    load.finish(1, 0.1)
    load.finish(1, 0.3)
    assert load.limit.observe_lag(0.02) is None
    ended = load.end_interval(0.04)
    assert (ended.in_flight, ended.finished, ended.refused) == (CONFIG.initial - 2, 2, 3)
    assert ended.latency_seconds == pytest.approx(0.2)
    assert ended.lag_seconds == pytest.approx(0.03)
    assert not ended.is_idle
    following = load.end_interval(0)
    assert (following.finished, following.refused, following.latency_seconds) == (0, 0, 0)
    load.finish(CONFIG.initial - 2, FAST)
    assert not load.end_interval(0).is_idle
    assert load.end_interval(0).is_idle


def test_limit_does_not_fall_because_of_a_single_interval() -> None:
    load = Load()
    for _ in range(5):
        assert load.interval(20, SLOW, LATE).limit == CONFIG.initial
        assert load.interval(20, FAST, LATE).limit == CONFIG.initial


def test_limit_falls_by_the_ratio_of_the_target_to_the_latency() -> None:
    load = Load()
    load.interval(32, SLOW, LATE)
    assert load.interval(32, CONFIG.target_seconds / 0.75, LATE).limit == 24


def test_limit_is_at_most_halved_in_an_interval() -> None:
    load = Load()
    load.interval(32, 1000, LATE)
    assert load.interval(32, 1000, LATE).limit == 16


def test_limit_falls_below_the_number_in_flight() -> None:
    load = Load()
    load.interval(20, SLOW, LATE)
    assert load.interval(20, 2 * CONFIG.target_seconds, LATE).limit == 10


def test_slow_requests_on_an_idle_event_loop_are_not_congestion() -> None:
    """PostgreSQL is frozen, or requests wait for an idempotency key."""
    load = Load()
    for _ in range(10):
        assert load.interval(CONFIG.initial, SLOW, ON_TIME).limit == CONFIG.initial


def test_busy_event_loop_with_fast_requests_is_not_congestion() -> None:
    load = Load()
    for _ in range(10):
        assert load.interval(CONFIG.initial, FAST, LATE).limit == CONFIG.initial


def test_refused_requests_raise_the_limit_if_there_is_no_congestion() -> None:
    """Many requests can wait for something else at the same time."""
    load = Load()
    limits = [load.interval(1000, SLOW, ON_TIME).limit for _ in range(20)]
    assert limits[:3] == [37, 43, 50]
    assert limits[-1] == CONFIG.maximum


def test_limit_is_back_at_its_start_after_a_burst() -> None:
    load = Load()
    while load.interval(1000, FAST, ON_TIME).limit < CONFIG.maximum:
        pass
    assert load.interval(1000, FAST, ON_TIME).limit == CONFIG.maximum
    assert load.interval(1, FAST, ON_TIME).limit == CONFIG.initial


@st.composite
def histories(draw: st.DrawFn) -> Load:
    """A limit after any history of requests, latencies and lags."""
    load = Load()
    steps = st.tuples(
        st.integers(0, 300), st.integers(0, 300), st.floats(0, 10), st.floats(0, 1), st.booleans()
    )
    for started, finished, seconds, lag, ends in draw(st.lists(steps, max_size=20)):
        load.send(started)
        load.finish(min(finished, load.limit.in_flight), seconds)
        if ends:
            load.end_interval(lag)
        else:
            load.limit.observe_lag(lag)
        assert CONFIG.minimum <= load.limit.limit <= CONFIG.maximum
        assert 0 <= load.limit.in_flight <= CONFIG.maximum
    return load


@given(histories())
def test_request_is_never_refused_below_the_minimum(load: Load) -> None:
    load.finish(max(0, load.limit.in_flight - CONFIG.minimum + 1), SLOW)
    assert load.send(1) == 1


@given(histories())
def test_limit_recovers_from_any_history(load: Load) -> None:
    load.finish(load.limit.in_flight, FAST)
    load.end_interval(ON_TIME)  # the latencies of the history end here
    for _ in range(20):
        load.interval(1, FAST, ON_TIME)
    assert load.limit.limit == CONFIG.initial


@given(histories())
def test_limit_is_at_its_start_after_an_interval_without_requests(load: Load) -> None:
    load.finish(load.limit.in_flight, SLOW)
    load.end_interval(LATE)
    assert load.end_interval(LATE).limit == CONFIG.initial


def test_limit_stays_if_a_busy_event_loop_has_not_finished_any_request() -> None:
    load = Load()
    load.send(1000)
    for _ in range(5):
        load.send(1)
        assert load.end_interval(LATE).limit == CONFIG.initial


@given(st.integers(40, 200), st.integers(1, 4))
def test_latency_settles_near_the_target_under_any_overload(capacity: int, times: int) -> None:
    """The latency of a server with this capacity per second follows from Little's law."""
    load = Load()
    clients = CONFIG.maximum * times
    for _ in range(60):
        admitted = load.send(clients)
        load.finish(admitted, admitted / capacity)
        latency = load.end_interval(LATE).latency_seconds
    assert latency <= CONFIG.target_seconds * 1.25 + 1 / capacity  # limits are whole numbers
    assert latency >= min(CONFIG.target_seconds * 0.5, CONFIG.maximum / capacity)


@pytest.mark.parametrize("bounds", [(0, 1, 1), (2, 1, 3), (1, 3, 2)])
def test_bounds_must_be_in_order(bounds: tuple[int, int, int]) -> None:
    minimum, initial, maximum = bounds
    make: Callable[[], object] = lambda: LimitConfig(minimum, initial, maximum, 1, 1, 1)  # noqa: E731
    with pytest.raises(ValueError, match="bounds"):
        make()
