"""Load the service past its capacity for minutes: `python -m tools.soak --minutes 10 --times 2`.

Prints a line of figures every few seconds, and an audit at the end. docs/reliability.md has the
figures of one run. Needs `wrk`, like the benchmark.
"""

import math
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from tests.servers.server import Unavailable
from tools.bench.contestants import CREATE, orders, orders_serve, production, roles, works_of
from tools.bench.errors import BenchError
from tools.bench.processes import Running, resident_mib
from tools.bench.storage import drain, private_storage
from tools.bench.wrk import Work, ensure_wrk, measure, script_of

_console = Console(highlight=False, soft_wrap=True, markup=False)

#: Seconds of the measurement of the capacity, and its connections.
_CAPACITY_SECONDS: Final = 5
_CAPACITY_CONNECTIONS: Final = 32
#: Milliseconds that a connection waits between two requests, on average.
_PAUSE_MS: Final = 1000
#: An overloaded process may take this long to respond to a scrape.
_SCRAPE_TIMEOUT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The service's counts since its start, and its memory."""

    at: float
    mib: float
    accepted: float
    shed: float
    #: Responses other than 201 and refusals past the capacity.
    failed: float
    limit: float
    #: Accepted orders by the upper bound of their latency in seconds, cumulative.
    latencies: Mapping[float, float]


def sample(running: Running, client: httpx.Client) -> Sample:
    """Read the metrics of the service.

    Raises:
        BenchError: the system doesn't have `/proc`.
    """
    page = client.get("/metrics").raise_for_status().text
    mib = resident_mib(running.pid)
    if mib is None:
        raise BenchError("the soak reads memory from /proc, so it needs Linux")
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
    return Sample(time.monotonic(), mib, accepted, shed, failed, limit, latencies)


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
    return (
        f"{after.at - begin.at:6.0f} s  {after.mib:6.1f} MiB"
        f"  accepted {(after.accepted - before.accepted) / seconds:6.0f}/s"
        f"  refused {(after.shed - before.shed) / seconds:6.0f}/s"
        f"  failed {after.failed - before.failed:3.0f}"
        f"  limit {after.limit:5.0f}  p99 of accepted <= {p99_bound(before, after):g} s"
    )


def soak(running: Running, create: Work, folder: Path, options: Namespace) -> None:
    """Measure the capacity, load the service past it, and print figures."""
    capacity = measure(create, folder, _CAPACITY_SECONDS, _CAPACITY_CONNECTIONS).per_second
    rate = capacity * options.times
    # Refused requests take almost no time, so each connection sends one request per pause.
    connections = math.ceil(rate * _PAUSE_MS / 1000)
    _console.print(
        f"capacity {capacity:.0f} orders/s with {_CAPACITY_CONNECTIONS} connections; load"
        f" {rate:.0f}/s over {connections} connections for {options.minutes:g} min"
    )
    client = httpx.Client(base_url=running.url, trust_env=False, timeout=_SCRAPE_TIMEOUT_SECONDS)
    with (
        client,
        _load(replace(create, pause=_PAUSE_MS), folder, connections, options.minutes) as wrk,
    ):
        begin = before = sample(running, client)
        settled: Sample | None = None
        while wrk.poll() is None:
            time.sleep(options.every)
            after = sample(running, client)
            _console.print(line(begin, before, after))
            before = after
            settled = settled or after
        begin_mib = settled.mib if settled else begin.mib
        _console.print(
            f"total: accepted {before.accepted - begin.accepted:.0f},"
            f" refused {before.shed - begin.shed:.0f}, failed {before.failed - begin.failed:.0f},"
            f" memory {begin_mib:.1f} -> {before.mib:.1f} MiB"
        )


@contextmanager
def _load(
    work: Work, folder: Path, connections: int, minutes: float
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run wrk until the end of the block."""
    script = folder / "soak.lua"
    script.write_text(script_of(work), encoding="utf-8")
    process = subprocess.Popen(  # noqa: S603 - a fixed command
        [
            *("wrk", "-t1", f"-c{connections}", f"-d{math.ceil(minutes * 60)}s"),
            *("--timeout", "60s", "-s", str(script), work.url),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def run(options: Namespace) -> Iterator[str]:
    """Start the whole service, load it, and yield the audit before and after the backlog."""
    with (
        tempfile.TemporaryDirectory(prefix="orders-soak-", ignore_cleanup_errors=True) as name,
        private_storage() as storage,
    ):
        folder, settings = Path(name), production(storage)
        folder.chmod(0o755)
        orders("migrate", folder, settings)
        with roles(settings, folder), orders_serve(folder, "soak", settings) as running:
            soak(running, works_of(running.url)[CREATE], folder, options)
            backlog = drain(settings["DATABASE_URL"])
            yield f"backlog of {backlog.orders} orders processed in {backlog.seconds:.0f} s"
            yield f"orders audit: {orders('audit', folder, settings)}"


def options_of(arguments: Sequence[str]) -> Namespace:
    """Parse the command-line arguments."""
    parser = ArgumentParser(prog="python -m tools.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the load")
    parser.add_argument("--times", type=float, default=2.0, help="load, in multiples of capacity")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two lines")
    options = parser.parse_args(arguments)
    if min(options.minutes, options.times, options.every) <= 0:
        parser.error("--minutes, --times and --every must be positive")
    return options


def main() -> None:
    """Run the soak. If it fails, exit with a message."""
    options = options_of(sys.argv[1:])
    try:
        ensure_wrk()
        for each in run(options):
            _console.print(each)
    except (BenchError, Unavailable, httpx.HTTPError) as error:
        sys.exit(f"soak: {str(error) or type(error).__name__}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
