"""Show how loaded the API is."""

from entrypoints.observability.metrics.table import (
    LOOP_LAG,
    REQUEST_LIMIT,
    REQUESTS_IN_FLIGHT,
    REQUESTS_SHED,
)
from libraries.concurrency_limit import Interval


def show_load(interval: Interval) -> None:
    """Show the figures of the latest interval."""
    REQUESTS_SHED.inc(interval.refused)
    REQUEST_LIMIT.set(interval.limit)
    REQUESTS_IN_FLIGHT.set(interval.in_flight)
    LOOP_LAG.set(interval.lag_seconds)
