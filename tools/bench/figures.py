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
from tools.bench.storage import Backlog, Processing
from tools.bench.wrk import Measured

#: The results of all rounds, by workload and contestant.
Rounds = Mapping[str, Mapping[str, Sequence[Measured]]]


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
        median(each.per_second for each in rounds),
        median(each.p50 for each in rounds),
        median(each.p99 for each in rounds),
    )


def ratio(mine: float, theirs: float) -> str:
    """Return the ratio of two values as a string."""
    return f"{mine / theirs:.2f}x" if mine / theirs < 10 else f"{mine / theirs:.1f}x"


def spread(rounds: Sequence[Measured]) -> str:
    """Return half the range of the rounds as a percentage of the median."""
    if len(rounds) < 2:
        return "?"
    rates = [each.per_second for each in rounds]
    return f"{(max(rates) - min(rates)) / 2 / median(rates):.0%}"


def throughput_rows(rounds: Rounds) -> list[tuple[str, ...]]:
    """Return a row for each workload and contestant."""
    rows: list[tuple[str, ...]] = []
    for work, by_name in rounds.items():
        medians = {name: median_of(each) for name, each in by_name.items()}
        for name, seen in medians.items():
            rows.append(
                (
                    work if name == BASELINE else "",
                    name,
                    f"{seen.per_second:,.0f}",
                    spread(by_name[name]),
                    f"{seen.p50:.1f}",
                    f"{seen.p99:.1f}",
                    *(_ratios(work, medians) if name == SERVICE else ("", "")),
                )
            )
    return rows


def _ratios(work: str, medians: Mapping[str, Measured]) -> tuple[str, str]:
    mine = medians[SERVICE].per_second
    against_baseline = ratio(mine, medians[BASELINE].per_second)
    against_floor = ratio(mine, medians[FLOOR].per_second)
    target = TARGETS[work]
    return (
        f"{against_baseline} (≥ {target.baseline:g})",
        f"{against_floor} (≥ {target.floor:g})",
    )


def throughput_table(rounds: Rounds, title: str) -> Table:
    """Return a table of throughputs, latencies and ratios."""
    table = Table(title=title)
    table.add_column("work", no_wrap=True)
    table.add_column("server")
    for name in ("requests/s", "±", "p50 ms", "p99 ms", "/ baseline", "/ floor"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in throughput_rows(rounds):
        table.add_row(*row, end_section=row[1] == SERVICE)
    return table


def alone_figures(rounds: Rounds) -> list[Figure]:
    """Compare the service's latency on a single connection with the floor's."""
    figures = []
    for work, by_name in rounds.items():
        mine, floor = (median_of(by_name[name]).p50 for name in (SERVICE, FLOOR))
        figures.append(
            Figure(
                f"one connection, {work}",
                f"{mine:.2f} ms, {ratio(mine, floor)} the floor's",
                f"≤ {ALONE_AT_MOST:g}x",
            )
        )
    return figures


def keys_figure(without: Sequence[Measured], with_key: Sequence[Measured]) -> Figure:
    """Compare creating orders with idempotency keys to creating them without."""
    mine, other = median_of(with_key).per_second, median_of(without).per_second
    return Figure(
        CREATE_WITH_KEY,
        f"{mine:,.0f}/s (± {spread(with_key)}), {ratio(mine, other)} the {other:,.0f}/s without",
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
    return Figure(f"backlog of {backlog.orders:,} orders, processed", f"{rate:,.0f} orders/s", "")


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
