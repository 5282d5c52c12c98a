"""Load the service past its capacity for minutes: `python -m tools.soak --minutes 10 --times 2`.

Prints a line of figures every few seconds, and an audit at the end. `--picture FILE` saves a plot.
docs/reliability.md has the figures of one run. Needs `wrk`, like the benchmark.
"""

import math
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx
from rich.console import Console

from entrypoints.http.overload import LIMIT_CONFIG
from tests.servers.server import Unavailable
from tools.bench.contestants import CREATE, orders, orders_serve, production, roles, works_of
from tools.bench.errors import BenchError
from tools.bench.processes import exit_on_sigterm
from tools.bench.storage import drain, private_storage
from tools.bench.wrk import Work, ensure_wrk, measure, script_of
from tools.soak.picture import picture
from tools.soak.samples import API, Sample, Sampler, line

_console = Console(highlight=False, soft_wrap=True, markup=False)

#: Seconds of the measurement of the capacity, and its connections.
_CAPACITY_SECONDS: Final = 10
_CAPACITY_CONNECTIONS: Final = 32
#: Milliseconds that a connection waits between two requests, on average. This is longer than the
#: latencies, so the load doesn't decrease much if they become longer.
_PAUSE_MS: Final = 3000
#: An overloaded process may take this long to respond to a scrape.
_SCRAPE_TIMEOUT_SECONDS: Final = 60.0


def soak(sampler: Sampler, create: Work, folder: Path, options: Namespace) -> Sequence[Sample]:
    """Measure the capacity, load the service past it, and print figures. Return the samples."""
    capacity = measure(create, folder, _CAPACITY_SECONDS, _CAPACITY_CONNECTIONS).per_second
    rate = capacity * options.times
    connections = connections_for(rate, capacity)
    _console.print(
        f"capacity {capacity:.0f} orders/s with {_CAPACITY_CONNECTIONS} connections; load"
        f" {rate:.0f}/s over {connections} connections for {options.minutes:g} min"
    )
    with _load(replace(create, pause=_PAUSE_MS), folder, connections, options.minutes) as wrk:
        samples = [sampler.take()]
        while wrk.poll() is None:
            time.sleep(options.every)
            samples.append(sampler.take())
            _console.print(line(samples[0], samples[-2], samples[-1]))
    return samples


def connections_for(rate: float, capacity: float) -> int:
    """Return how many connections send `rate` requests per second to an overloaded service.

    Each connection sends a request, waits for the response, and pauses. Refused requests take
    almost no time. The accepted ones, of which there are `capacity` per second, take the latency
    that the service keeps to.
    """
    return math.ceil(rate * _PAUSE_MS / 1000 + capacity * LIMIT_CONFIG.target_seconds)


def summary(samples: Sequence[Sample]) -> str:
    """Return the totals. Memory is compared with that of the second sample, under full load."""
    begin, settled, end = samples[0], samples[1], samples[-1]
    memory = ", ".join(
        f"{name} {settled.mib[name]:.0f} -> {mib:.0f}" for name, mib in end.mib.items()
    )
    accepted, refused = end.accepted - begin.accepted, end.shed - begin.shed
    failed = end.failed - begin.failed
    sent = (accepted + refused + failed) / (end.at - begin.at)
    return (
        f"total: sent {sent:.0f}/s, accepted {accepted:.0f}, refused {refused:.0f},"
        f" failed {failed:.0f}, processed {end.processed - begin.processed}; MiB: {memory}"
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
    """Start the whole service, load it, and yield the totals and the audit after the backlog."""
    with (
        tempfile.TemporaryDirectory(prefix="orders-soak-", ignore_cleanup_errors=True) as name,
        private_storage() as storage,
    ):
        folder, settings = Path(name), production(storage)
        database = settings["DATABASE_URL"]
        folder.chmod(0o755)
        orders("migrate", folder, settings)
        with (
            roles(settings, folder) as processes,
            orders_serve(folder, "soak", settings) as api,
            httpx.Client(
                base_url=api.url, trust_env=False, timeout=_SCRAPE_TIMEOUT_SECONDS
            ) as client,
        ):
            sampler = Sampler({API: api, **processes}, client, database)
            samples = soak(sampler, works_of(api.url)[CREATE], folder, options)
            yield summary(samples)
            if options.picture is not None:
                options.picture.write_text(picture(samples), encoding="utf-8")
            backlog = drain(database)
            yield f"backlog of {backlog.orders} orders processed in {backlog.seconds:.0f} s"
            yield f"orders audit: {orders('audit', folder, settings)}"


def options_of(arguments: Sequence[str]) -> Namespace:
    """Parse the command-line arguments."""
    parser = ArgumentParser(prog="python -m tools.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the load")
    parser.add_argument("--times", type=float, default=2.0, help="load, in multiples of capacity")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two lines")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="where to save an SVG")
    options = parser.parse_args(arguments)
    if min(options.minutes, options.times, options.every) <= 0:
        parser.error("--minutes, --times and --every must be positive")
    return options


def main() -> None:
    """Run the soak. If it fails, exit with a message."""
    options = options_of(sys.argv[1:])
    exit_on_sigterm()
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
