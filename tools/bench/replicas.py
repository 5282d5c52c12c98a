"""Measure several processes of the same kind: `python -m tools.bench replicas`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from rich.table import Table

from tools.bench.contestants import (
    ROLES,
    SERVICE,
    WORKS,
    Contestant,
    open_account,
    orders,
    orders_serve,
    production,
    role,
    works_of,
)
from tools.bench.copies import place_copies
from tools.bench.rounds import Plan, Rounds, Sample, measure_rounds
from tools.bench.storage import Backlog, drain, private_storage, processed_since
from tools.bench.usage import Meter

NUMBERS: Final = (1, 2, 4)
#: These are processed first, which takes until all consumers have joined their group.
_WARM_UP_ORDERS: Final = 3_000
_BACKLOG_ORDERS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Replicas:
    """The results with a number of web workers, and as many processes of each role."""

    number: int
    rounds: Rounds
    backlog: Backlog


def measure_replicas(folder: Path, plan: Plan, show: Callable[[str], None]) -> Sequence[Replicas]:
    """Measure the API with several web workers, then processing by several of each role.

    Raises:
        BenchError: a process fails.
    """
    results = []
    for number in NUMBERS:
        subfolder = folder / f"replicas-{number}"
        subfolder.mkdir()
        with private_storage() as storage:
            settings = {**production(storage), "WORKERS": str(number)}
            rounds = _api(number, settings, subfolder, plan, show)
            show(f"{number} processes of each role")
            backlog = _processing(number, production(storage.separate()), subfolder)
        results.append(Replicas(number, rounds, backlog))
    return results


def _processing(number: int, settings: Mapping[str, str], folder: Path) -> Backlog:
    """Measure a backlog that appears when all processes are running.

    The processes start one after the other, and the first ones would otherwise process most of it.
    """
    database = settings["DATABASE_URL"]
    orders("migrate", folder, settings)
    with orders_serve(folder, "template", settings) as running:
        account = open_account(running.url)
        with closing(account.client):
            template = account.place(1)[0]
    with _roles(number, settings, folder):
        place_copies(database, template, 1, _WARM_UP_ORDERS)
        drain(database)
        begun = datetime.now(UTC)
        place_copies(database, template, _WARM_UP_ORDERS + 1, _WARM_UP_ORDERS + _BACKLOG_ORDERS)
        drain(database)
    return processed_since(database, begun)


def _api(
    number: int,
    settings: Mapping[str, str],
    folder: Path,
    plan: Plan,
    show: Callable[[str], None],
) -> Rounds:
    orders("migrate", folder, settings)
    with orders_serve(folder, SERVICE, settings) as running:
        meter = Meter(running.pid, settings["DATABASE_URL"], settings["REDIS_URL"])
        contestant = Contestant(SERVICE, works_of(running.url), meter)
        return measure_rounds(
            [contestant], WORKS, plan, folder, lambda text: show(f"{number} web workers, {text}")
        )


@contextmanager
def _roles(number: int, settings: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Run this many processes of each role. Relays start last because they begin the work."""
    with ExitStack() as stack:
        for command in reversed(ROLES.values()):
            for each in range(number):
                subfolder = folder / f"{command}-{each}"
                subfolder.mkdir()
                stack.enter_context(role(command, settings, subfolder))
        yield


def replicas_table(results: Sequence[Replicas]) -> Table:
    """Return a table with a column for each number."""
    table = Table(title="processes of the same kind: requests or orders per second")
    table.add_column("work")
    for each in results:
        table.add_column(f"{each.number}", justify="right")
    for work in WORKS:
        rates = [
            median(sample.measured.per_second for sample in each.rounds[work][SERVICE])
            for each in results
        ]
        table.add_row(work, *(f"{rate:,.0f}" for rate in rates))
        table.add_row(
            "  busy cores: API, PostgreSQL, Redis",
            *(_busy_cores(each.rounds[work][SERVICE]) for each in results),
        )
    backlogs = (f"{each.backlog.orders / each.backlog.seconds:,.0f}" for each in results)
    table.add_row("orders processed", *backlogs)
    return table


def _busy_cores(samples: Sequence[Sample]) -> str:
    """Return the CPU seconds per second of each server, or a question mark without `/proc`."""
    cores = []
    for name in ("process", "postgres", "redis"):
        each = [
            cost * sample.measured.per_second
            for sample in samples
            if (cost := sample.per_request(name)) is not None
        ]
        if not each:
            return "?"
        cores.append(f"{median(each):.2f}")
    return ", ".join(cores)
