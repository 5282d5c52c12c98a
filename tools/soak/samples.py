"""Samples of a service under load."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tools.bench.errors import BenchError
from tools.bench.processes import Running, resident_mib
from tools.bench.storage import processed_orders

API: Final = "API"


@dataclass(frozen=True, slots=True)
class Sample:
    """The service's counts since its start, and the memory of its processes in MiB."""

    at: float
    mib: Mapping[str, float]
    accepted: float
    shed: float
    #: Responses other than 201 and refusals past the capacity.
    failed: float
    limit: float
    processed: int
    #: Accepted orders by the upper bound of their latency in seconds, cumulative.
    latencies: Mapping[float, float]


class Sampler:
    """Reads the API's metrics, the memory of all processes, and the database."""

    def __init__(
        self, processes: Mapping[str, Running], client: httpx.Client, database: str
    ) -> None:
        self._processes = processes
        self._client = client
        self._database = database

    def take(self) -> Sample:
        """Return a sample of this moment.

        Raises:
            BenchError: the system doesn't have `/proc`.
            httpx.HTTPError: the API doesn't respond.
        """
        page = self._client.get("/metrics").raise_for_status().text
        accepted = failed = shed = limit = 0.0
        latencies: dict[float, float] = {}
        for family in text_string_to_metric_families(page):
            for name, labels, value, *_ in family.samples:
                if name == "orders_http_requests_shed_total":
                    shed = value
                elif name == "orders_http_request_limit":
                    limit = value
                elif labels.get("method") != "POST" or labels.get("route") != "/orders/":
                    continue
                elif name == "orders_http_requests_total":
                    is_accepted = labels["status"] == "201"
                    accepted += value * is_accepted
                    failed += value * (not is_accepted)
                elif name == "orders_http_request_duration_seconds_bucket":
                    latencies[float(labels["le"])] = value
        mib = {name: _mib(process) for name, process in self._processes.items()}
        processed = processed_orders(self._database)
        return Sample(time.monotonic(), mib, accepted, shed, failed, limit, processed, latencies)


def _mib(process: Running) -> float:
    mib = resident_mib(process.pid)
    if mib is None:
        raise BenchError("the soak reads memory from /proc, so it needs Linux")
    return mib


def p99_bound(before: Sample, after: Sample) -> float:
    """Return the bucket that contains the 99th percentile of the latencies in between, or NaN."""
    counts = {
        bound: count - before.latencies.get(bound, 0) for bound, count in after.latencies.items()
    }
    total = counts.get(math.inf, 0)
    bounds = (bound for bound, count in sorted(counts.items()) if total and count >= 0.99 * total)
    return next(bounds, math.nan)


def line(begin: Sample, before: Sample, after: Sample) -> str:
    """Return a line for the time between two samples of a run."""
    seconds = after.at - before.at
    memory = " ".join(f"{name} {mib:.0f}" for name, mib in after.mib.items())
    return (
        f"{after.at - begin.at:6.0f} s"
        f"  accepted {(after.accepted - before.accepted) / seconds:6.0f}/s"
        f"  refused {(after.shed - before.shed) / seconds:6.0f}/s"
        f"  failed {after.failed - before.failed:3.0f}"
        f"  processed {(after.processed - before.processed) / seconds:6.0f}/s"
        f"  limit {after.limit:5.0f}  p99 of accepted <= {p99_bound(before, after):g} s"
        f"  MiB: {memory}"
    )
