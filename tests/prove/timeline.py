"""Draw the timeline of a run as an SVG: throughput and latency, with the faults marked."""

from typing import Final

from tests.prove.random_run import RandomRun
from tools.charts import BLUE, BROWN, GREEN, PURPLE, RED, Band, Line, Panel, chart, rates

_COLORS: Final = {
    "API": BLUE,
    "relay": GREEN,
    "consumer": PURPLE,
    "worker": BROWN,
    "PostgreSQL": RED,
    "Redis": "#d4a017",
    "Kafka": "#555555",
    "one of two brokers": "#999999",
}
#: Latencies from 1 ms to 10 s.
_DECADES: Final = (-3, 1)
#: Samples of this many seconds share a point, because processing happens in batches.
_SMOOTH_SECONDS: Final = 2.0


def timeline(run: RandomRun) -> str:
    """Return the SVG."""
    return chart(
        "Throughput and latency under random faults",
        [
            Panel(
                "orders per second",
                [
                    Line("accepted", BLUE, _rates(run, "acknowledged")),
                    Line("processed", BROWN, _rates(run, "processed")),
                ],
            ),
            Panel(
                "latency of responses",
                [
                    Line("p50", GREEN, _latencies(run, "p50_seconds")),
                    Line("p99", RED, _latencies(run, "p99_seconds")),
                ],
                unit=" s",
                decades=_DECADES,
            ),
        ],
        run.samples[-1].at,
        [
            Band(each.name, _COLORS[each.name.partition(": ")[0]], each.began_at, each.ended_at)
            for each in run.faults
        ],
        [*_COLORS.items()],
    )


def _rates(run: RandomRun, total: str) -> list[tuple[float, float]]:
    return rates(
        run.samples,
        lambda sample: sample.at,
        lambda sample: float(getattr(sample, total)),
        _SMOOTH_SECONDS,
    )


def _latencies(run: RandomRun, name: str) -> list[tuple[float, float]]:
    values = ((sample.at, getattr(sample, name)) for sample in run.samples)
    return [(at, value) for at, value in values if value]
