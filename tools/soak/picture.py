"""Draw the samples of a soak as an SVG."""

from collections.abc import Sequence
from itertools import pairwise

from tools.charts import BLUE, BROWN, GREEN, PURPLE, RED, Line, Panel, chart, rates
from tools.soak.samples import Sample, p99_bound

#: Latencies from 10 ms to 10 s.
_DECADES = (-2, 1)
_COLORS = (BLUE, GREEN, PURPLE, BROWN)


def picture(samples: Sequence[Sample]) -> str:
    """Return the SVG. It needs at least two samples."""
    began_at = samples[0].at

    def per_second(total: str) -> list[tuple[float, float]]:
        return rates(
            samples,
            lambda sample: sample.at - began_at,
            lambda sample: float(getattr(sample, total)),
        )

    memory = [
        Line(f"{name}, MiB", color, [(each.at - began_at, each.mib[name]) for each in samples])
        for name, color in zip(samples[0].mib, _COLORS, strict=False)
    ]
    p99 = [(after.at - began_at, p99_bound(before, after)) for before, after in pairwise(samples)]
    return chart(
        "The service past its capacity",
        [
            Panel(
                "orders per second",
                [
                    Line("accepted", BLUE, per_second("accepted")),
                    Line("refused", RED, per_second("shed")),
                    Line("processed", BROWN, per_second("processed")),
                ],
            ),
            Panel(
                "latency of accepted orders (upper bound of the bucket)",
                [Line("p99", RED, p99)],
                unit=" s",
                decades=_DECADES,
            ),
            Panel("resident memory", memory, unit=" MiB"),
        ],
        samples[-1].at - began_at,
    )
