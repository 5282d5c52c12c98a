"""Calculate the measurements' medians and ratios, and format them as tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from rich.table import Table

from tools.bench.contestants import (
    BASELINE,
    CREATE,
    CREATE_WITH_KEY,
    FLOOR,
    LIST,
    READ,
    SERVICE,
)
from tools.bench.round_trips import RoundTrips
from tools.bench.rounds import Ratio, Rounds, Sample, middle_half, ratios
from tools.bench.storage import Backlog, Processing
from tools.bench.wrk import Measured


@dataclass(frozen=True, slots=True)
class Target:
    """The minimum ratios compared with the baseline and the floor."""

    baseline: float
    floor: float


#: The targets from `docs/contract.md`, section 9.
TARGETS: Final = {CREATE: Target(12, 1.3), READ: Target(15, 1.3), LIST: Target(10, 0.8)}
ALONE_AT_MOST: Final = 1.3
WITH_KEY_AT_LEAST: Final = 0.9
GROWTH_WITHIN: Final = 0.2
MEMORY_BELOW: Final = 120.0
#: Orders per second, on a machine whose API takes 2,000 per second.
BACKLOG_AT_LEAST: Final = 1_500
#: Milliseconds from an order's creation to its effect.
PROCESSED_P50_BELOW: Final = 50.0
PROCESSED_P99_BELOW: Final = 250.0


@dataclass(frozen=True, slots=True)
class Figure:
    """A measurement and its target."""

    name: str
    value: str
    target: str


def median_of(rounds: Sequence[Measured]) -> Measured:
    """Return the median of each measurement across all rounds."""
    return Measured(
        per_second=median(each.per_second for each in rounds),
        p50=median(each.p50 for each in rounds),
        p99=median(each.p99 for each in rounds),
        requests=sum(each.requests for each in rounds),
    )


def times(value: float) -> str:
    """Return a ratio as a string."""
    return f"{value:.2f}x" if value < 10 else f"{value:.1f}x"


def spread(rounds: Sequence[Measured]) -> str:
    """Return half the range of the middle half of the rounds as a percentage of the median."""
    if len(rounds) < 2:
        return "?"
    rates = middle_half([each.per_second for each in rounds])
    return f"{(rates[-1] - rates[0]) / 2 / median(rates):.0%}"


def throughput_rows(rounds: Rounds) -> list[tuple[str, ...]]:
    """Return a row for each workload and contestant."""
    compared = ratios(rounds)
    rows: list[tuple[str, ...]] = []
    for work, by_name in rounds.items():
        for name, samples in by_name.items():
            measured = [each.measured for each in samples]
            seen = median_of(measured)
            rows.append(
                (
                    work if name == BASELINE else "",
                    name,
                    f"{seen.per_second:,.0f}",
                    spread(measured),
                    f"{seen.p50:.1f}",
                    f"{seen.p99:.1f}",
                    *(_ratio_cells(work, compared[work]) if name == SERVICE else ("", "")),
                )
            )
    return rows


def _ratio_cells(work: str, compared: Mapping[str, Ratio]) -> tuple[str, str]:
    target = TARGETS[work]
    return (
        _ratio_cell(compared[BASELINE], target.baseline),
        _ratio_cell(compared[FLOOR], target.floor),
    )


def _ratio_cell(seen: Ratio, target: float) -> str:
    if not seen.agrees:
        return f"refused {seen.lowest:.2f}-{seen.highest:.2f}"
    return f"{times(seen.median)} (≥ {target:g})"


def throughput_table(rounds: Rounds, title: str) -> Table:
    """Return a table of throughputs, latencies and ratios."""
    table = Table(title=title)
    table.add_column("work", no_wrap=True)
    table.add_column("server", no_wrap=True)
    for name in ("requests/s", "±", "p50 ms", "p99 ms", "/ baseline", "/ floor"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in throughput_rows(rounds):
        table.add_row(*row, end_section=row[1] == SERVICE)
    return table


def costs_table(rounds: Rounds, trips: Mapping[str, Mapping[str, RoundTrips]]) -> Table:
    """Return a table of the CPU time and the round trips of a request."""
    table = Table(title="per request; CPU time in µs")
    for name in ("work", "server", "server", "PostgreSQL", "Redis"):
        table.add_column(name, justify="left" if len(table.columns) < 2 else "right")
    table.add_column("trips to PostgreSQL", justify="right")
    table.add_column("to Redis", justify="right")
    for work, by_name in rounds.items():
        for name, samples in by_name.items():
            table.add_row(
                work if name == BASELINE else "",
                name,
                *(microseconds(samples, each) for each in ("process", "postgres", "redis")),
                f"{trips[work][name].postgres:.2f}",
                f"{trips[work][name].redis:.2f}",
                end_section=name == SERVICE,
            )
    return table


def microseconds(samples: Sequence[Sample], name: str) -> str:
    """Return the median CPU time of all rounds, or "?" on systems without `/proc`."""
    spent = [cost for each in samples if (cost := each.per_request(name)) is not None]
    return f"{median(spent) * 1e6:,.0f}" if spent else "?"


def alone_figures(rounds: Rounds) -> list[Figure]:
    """Compare the service's latency on a single connection with the floor's."""
    figures = []
    for work, by_name in rounds.items():
        mine, floor = (
            median_of([each.measured for each in by_name[name]]).p50 for name in (SERVICE, FLOOR)
        )
        figures.append(
            Figure(
                f"one connection, {work}",
                f"{mine:.2f} ms, {times(mine / floor)} the floor's",
                f"≤ {ALONE_AT_MOST:g}x",
            )
        )
    return figures


def keys_figure(rounds: Rounds) -> Figure:
    """Compare creating orders with idempotency keys to creating them without."""
    without, with_key = (
        [each.measured for each in rounds[work][SERVICE]] for work in (CREATE, CREATE_WITH_KEY)
    )
    mine, other = median_of(with_key).per_second, median_of(without).per_second
    return Figure(
        CREATE_WITH_KEY,
        f"{mine:,.0f}/s (± {spread(with_key)}), {times(mine / other)} the {other:,.0f}/s without",
        f"≥ {WITH_KEY_AT_LEAST:g}x",
    )


def growth_figure(work: str, few: tuple[int, Measured], many: tuple[int, Measured]) -> Figure:
    """Compare a workload's cost with many orders to its cost with few orders."""
    cost = few[1].per_second / many[1].per_second
    return Figure(
        f"{work} among {many[0]:,} orders",
        f"{cost:.2f}x the cost among {few[0]:,}",
        f"{1 - GROWTH_WITHIN:g}-{1 + GROWTH_WITHIN:g}x",
    )


def processing_figure(per_second: float, seen: Processing) -> Figure:
    """Show how long it takes from creation, through outbox, Kafka and task queue, to the effect."""
    return Figure(
        f"create → processed through Kafka, {per_second:.0f} orders/s",
        f"p50 {seen.p50:.0f} ms, p99 {seen.p99:.0f} ms",
        f"< {PROCESSED_P50_BELOW:g} ms, < {PROCESSED_P99_BELOW:g} ms",
    )


def backlog_figure(backlog: Backlog) -> Figure:
    """Show how fast a backlog of orders is processed."""
    rate = backlog.orders / backlog.seconds if backlog.seconds else 0.0
    name = f"backlog of {backlog.orders:,} orders, processed"
    return Figure(name, f"{rate:,.0f} orders/s", f"≥ {BACKLOG_AT_LEAST:,}")


def memory_figure(mib: float | None) -> Figure:
    """Show how much memory the embedded service's Python process uses."""
    value = "unknown: no /proc on this system" if mib is None else f"{mib:.0f} MiB"
    return Figure("embedded service at rest, after 1,000 orders", value, f"< {MEMORY_BELOW:g} MiB")


def figures_table(figures: Sequence[Figure]) -> Table:
    """Return a table of all other figures."""
    table = Table()
    for name in ("measure", "value", "target"):
        table.add_column(name)
    for figure in figures:
        table.add_row(figure.name, figure.value, figure.target)
    return table
