"""`python -m tools.bench`: measure, and print a table."""

import os
import platform
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.status import Status

from tests.servers.server import Unavailable
from tools.bench.background import background, background_table
from tools.bench.contestants import (
    CREATE,
    CREATE_WITH_KEY,
    FLOOR,
    SERVICE,
    WORKS,
    Contestant,
    baseline,
    floor,
    make_baseline_environment,
    orders,
    production,
    roles,
    service,
)
from tools.bench.errors import BenchError
from tools.bench.figures import (
    Figure,
    Rounds,
    alone_figures,
    backlog_figure,
    figures_table,
    keys_figure,
    throughput_table,
)
from tools.bench.rest import growth, memory, processing
from tools.bench.storage import Storage, drain, has_keys, private_storage
from tools.bench.wrk import Measured, ensure_wrk, measure

_MANY, _VERY_MANY = 100_000, 1_000_000
_WIDTH = 116


class Bench:
    """A benchmark run with its options, servers and folder."""

    def __init__(self, options: Namespace, storage: Storage, folder: Path, status: Status) -> None:
        self._options = options
        self._storage = storage
        self._folder = folder
        self._status = status
        self._console = Console(highlight=False)
        # The default for pipes is 80 columns, which would truncate the figures.
        self._console.width = max(self._console.width, _WIDTH)
        self._settings = production(storage)
        self._audit = ""

    def run_keys(self) -> None:
        """Only measure the cost of idempotency keys, and print it."""
        with service(self._settings, self._folder) as contestant:
            figure = self._keys(contestant)
        self._status.stop()
        self._console.print(figures_table([figure]))

    def run_background(self) -> None:
        """Only measure what an order costs behind the API, and print it."""
        with service(self._settings, self._folder) as contestant:
            self._show_status("one role at a time")
            costs = background(self._settings, contestant, self._folder, self._options.seconds)
        self._status.stop()
        self._console.print(background_table(costs))
        self._console.print(orders("audit", self._folder, self._settings))

    def run(self) -> None:
        """Measure everything and print the tables."""
        with self._contestants() as contestants:
            rounds = self._rounds(contestants, self._options.rounds, 32)
            by_name = [each for each in contestants if each.name in {FLOOR, SERVICE}]
            figures = alone_figures(self._rounds(by_name, 1, 1))
            figures.append(self._keys(contestants[-1]))
            figures += self._processed(contestants[-1])
        self._show_status("growth")
        many = _VERY_MANY if self._options.large else _MANY
        database = self._storage.database("growth")
        figures += growth(database, self._folder, many, self._options.seconds)
        self._show_status("memory")
        figures.append(memory(self._folder))
        self._status.stop()
        self._console.print(throughput_table(rounds, self._title()))
        self._console.print(figures_table(figures))
        self._console.print(*self._notes(), sep="\n")

    @contextmanager
    def _contestants(self) -> Iterator[Sequence[Contestant]]:
        self._show_status("installing the baseline's dependencies")
        python = make_baseline_environment(self._folder / "baseline-venv")
        self._show_status("starting")
        with ExitStack() as stack:
            yield (
                stack.enter_context(baseline(self._storage, self._folder, python)),
                stack.enter_context(floor(self._storage, self._folder)),
                stack.enter_context(service(self._settings, self._folder)),
            )

    def _rounds(self, contestants: Sequence[Contestant], rounds: int, connections: int) -> Rounds:
        """Measure all contestants and workloads in turn, so noise affects all of them equally."""
        seen: dict[str, dict[str, list[Measured]]] = {work: {} for work in WORKS}
        for number in range(rounds):
            for work in WORKS:
                for each in contestants:
                    self._show_status(
                        f"round {number + 1}/{rounds} -c{connections}: {work}, {each.name}"
                    )
                    measured = self._measure(each, work, connections)
                    seen[work].setdefault(each.name, []).append(measured)
        return seen

    def _keys(self, contestant: Contestant) -> Figure:
        """Create orders with and without idempotency keys in turn."""
        works = (CREATE, CREATE_WITH_KEY)
        seen: dict[str, list[Measured]] = {work: [] for work in works}
        for number in range(self._options.rounds):
            for work in works:
                self._show_status(f"round {number + 1}/{self._options.rounds}: {work}")
                seen[work].append(self._measure(contestant, work, 32))
        return keys_figure(seen[CREATE], seen[CREATE_WITH_KEY])

    def _measure(self, contestant: Contestant, work: str, connections: int) -> Measured:
        try:
            return measure(contestant.works[work], self._folder, self._options.seconds, connections)
        except BenchError as error:
            raise BenchError(f"{contestant.name}, {work}: {error}") from error

    def _processed(self, contestant: Contestant) -> Iterator[Figure]:
        """Start the roles and measure how fast they process the created orders.

        Raises:
            BenchError: orders are not being processed, or the service has not used Redis.
        """
        database = self._settings["DATABASE_URL"]
        with roles(self._settings, self._folder):
            self._show_status("processing the created orders")
            yield backlog_figure(drain(database))
            self._show_status("create to processed")
            create = contestant.works[CREATE]
            yield processing(database, create, self._folder, self._options.seconds)
        self._audit = orders("audit", self._folder, self._settings)
        if not has_keys(self._settings["REDIS_URL"]):
            raise BenchError("the service stored nothing in Redis: the measurement is not valid")

    def _show_status(self, text: str) -> None:
        self._status.update(f"bench: {text}")

    def _title(self) -> str:
        options = self._options
        return f"wrk -t1 -c32, {options.seconds} s, median of {options.rounds} interleaved rounds"

    def _notes(self) -> Iterator[str]:
        load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
        yield f"Python {platform.python_version()}, {os.cpu_count()} processors, load {load}."
        yield f"orders audit: {self._audit}"


def options_of(arguments: Sequence[str]) -> Namespace:
    """Parse the command-line arguments."""
    parser = ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="length of a measurement")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--quick", action="store_true", help="one round of two seconds")
    parser.add_argument("--large", action="store_true", help="growth up to 1,000,000 orders")
    parser.add_argument("--keys", action="store_true", help="only the cost of idempotency keys")
    parser.add_argument("--background", action="store_true", help="only the cost behind the API")
    options = parser.parse_args(arguments)
    if options.quick:
        options.seconds, options.rounds = 2, 1
    if options.seconds < 1 or options.rounds < 1:
        parser.error("--seconds and --rounds are at least 1")
    return options


def main() -> None:
    """Run the benchmark. If it fails, exit with a message."""
    options = options_of(sys.argv[1:])
    status = Console(stderr=True).status("bench")
    try:
        ensure_wrk()
        with (
            tempfile.TemporaryDirectory(prefix="orders-bench-", ignore_cleanup_errors=True) as name,
            private_storage() as storage,
            status,
        ):
            folder = Path(name)
            folder.chmod(0o755)  # the embedded database's user needs access to its subfolder
            bench = Bench(options, storage, folder, status)
            if options.keys:
                bench.run_keys()
            elif options.background:
                bench.run_background()
            else:
                bench.run()
    except (BenchError, Unavailable) as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
