"""The table of metrics, with their names, meanings and labels.

docs/metrics.md explains how to use them, and has alerts.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.metrics_core import GaugeMetricFamily

#: The environment variable for the folder with the counts of all workers. prometheus_client reads
#: it when it is imported.
SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
IS_SHARED: Final = SHARED_FOLDER in os.environ

# The start times of the series would be half of the page, and we don't need them.
disable_created_metrics()  # type: ignore[no-untyped-call]

#: This process's counts.
COUNTED: Final = CollectorRegistry()
if not IS_SHARED:  # one worker's memory is not the service's
    for _collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        COUNTED.register(_collector)

REQUESTS: Final = Counter(
    "orders_http_requests_total",
    "Completed HTTP requests, by method, route and status.",
    ("method", "route", "status"),
    registry=COUNTED,
)
REQUEST_SECONDS: Final = Histogram(
    "orders_http_request_duration_seconds",
    "Seconds from receiving a request to sending the end of its response.",
    ("method", "route"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=COUNTED,
)
REQUESTS_SHED: Final = Counter(
    "orders_http_requests_shed_total",
    "HTTP requests refused because the process was overloaded.",
    registry=COUNTED,
)
REQUEST_LIMIT: Final = Gauge(
    "orders_http_request_limit",
    "Maximum number of HTTP requests in flight, which adapts to their latency.",
    multiprocess_mode="livesum",
    registry=COUNTED,
)
REQUESTS_IN_FLIGHT: Final = Gauge(
    "orders_http_requests_in_flight",
    "HTTP requests in flight when the limit was last adapted.",
    multiprocess_mode="livesum",
    registry=COUNTED,
)
LOOP_LAG: Final = Gauge(
    "orders_http_event_loop_lag_seconds",
    "How late the event loop was in the last half second with requests, on average.",
    multiprocess_mode="livemax",
    registry=COUNTED,
)
CACHE_READS: Final = Counter(
    "orders_cache_reads_total",
    "Order lookups in the cache: hit, miss, or bypass if the cache was unreachable.",
    ("result",),
    registry=COUNTED,
)
TASKS: Final = Counter(
    "orders_tasks_total",
    "Runs of process_order_task by result, and tasks that became dead letters (dead).",
    ("result",),
    registry=COUNTED,
)
POOL_CONNECTIONS: Final = Gauge(
    "orders_db_pool_connections",
    "Open PostgreSQL connections, by state (in_use or idle).",
    ("state",),
    multiprocess_mode="livesum",
    registry=COUNTED,
)
POOL_SIZE: Final = Gauge(
    "orders_db_pool_size",
    "Maximum number of open PostgreSQL connections (DB_POOL_SIZE).",
    multiprocess_mode="livesum",
    registry=COUNTED,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A gauge that is read for each scrape. It is left out if it was never read."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()

    def showing(self, values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
        """Return the gauge with a value for each combination of labels."""
        family = GaugeMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels, value in values.items():
            family.add_metric(labels, value)
        return family


OUTBOX_UNPUBLISHED: Final = Asked(
    "orders_outbox_unpublished",
    "Unpublished events in the outbox. 10001 means more than 10000.",
)
OUTBOX_OLDEST_AGE: Final = Asked(
    "orders_outbox_oldest_age_seconds",
    "Age in seconds of the oldest unpublished event, or 0."
    " Ignores parked events and those behind them.",
)
OUTBOX_PARKED: Final = Asked(
    "orders_outbox_parked",
    "Events waiting for an operator because Kafka rejected them too often."
    " 10001 means more than 10000.",
)
OUTBOX_REPLAYS: Final = Asked(
    "orders_outbox_replays",
    "Published events waiting to be published again. 10001 means more than 10000.",
)
OUTBOX_FIGURES_AGE: Final = Asked(
    "orders_outbox_figures_age_seconds",
    "Seconds since the outbox was read. Above 0 if PostgreSQL did not respond in time.",
)
CONSUMER_LAG: Final = Asked(
    "orders_consumer_lag",
    "Messages that a consumer in this process has not committed yet, per partition.",
    ("topic", "group", "partition"),
)
