"""Draw the timeline of a run as an SVG: throughput and latency, with the faults marked."""

from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import pairwise
from math import log10
from typing import Final

from tests.prove.random_run import Injected, RandomRun
from tests.prove.sampler import Sample

_WIDTH_PX, _LEFT_PX, _RIGHT_PX = 1_000, 60, 15
_PANEL_PX, _GAP_PX, _TOP_PX, _BOTTOM_PX = 150, 40, 50, 30
_COLORS: Final = {
    "API": "#2f6f9f",
    "relay": "#3d8b5f",
    "consumer": "#7a5aa6",
    "worker": "#b0603a",
    "PostgreSQL": "#c0392b",
    "Redis": "#d4a017",
    "Kafka": "#555555",
    "one of two brokers": "#999999",
}
#: Latencies from 1 ms to 10 s.
_DECADES: Final = (-3, 1)
#: Samples of this many seconds share a point, because processing happens in batches.
_SMOOTH_SECONDS: Final = 2.0

Point = tuple[float, float]


def timeline(run: RandomRun) -> str:
    """Return the SVG."""
    return "\n".join(_lines(run))


def _lines(run: RandomRun) -> Iterator[str]:
    height = _TOP_PX + 2 * _PANEL_PX + _GAP_PX + _BOTTOM_PX
    end = run.samples[-1].at
    accepted = _rates(run.samples, lambda sample: sample.acknowledged)
    processed = _rates(run.samples, lambda sample: sample.processed)
    most = max([1.0, *(rate for _, rate in accepted + processed)]) * 1.05
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="11"'
        f' width="{_WIDTH_PX}" height="{height}" viewBox="0 0 {_WIDTH_PX} {height}">'
    )
    yield "<title>Throughput and latency under random faults</title>"
    yield f'<rect width="{_WIDTH_PX}" height="{height}" fill="#ffffff"/>'
    yield from _legend()
    for fault in run.faults:
        yield _band(fault, end, height)
    yield from _panel(0, "orders per second", [(0.0, "0"), (1.0, f"{most:.0f}")])
    yield _line([(at / end, rate / most) for at, rate in accepted], 0, "#2f6f9f")
    yield _line([(at / end, rate / most) for at, rate in processed], 0, "#b0603a")
    ticks = [
        (_log(10**power), f"{10.0**power:g} s") for power in range(_DECADES[0], _DECADES[1] + 1)
    ]
    yield from _panel(1, "latency, p50 and p99", ticks)
    for name, color in (("p50_seconds", "#3d8b5f"), ("p99_seconds", "#c0392b")):
        values = [(each.at, getattr(each, name)) for each in run.samples]
        yield _line([(at / end, _log(value)) for at, value in values if value], 1, color)
    for part in range(6):
        text = f"{end * part / 5:.0f} s"
        yield f'<text x="{_x(part / 5):.0f}" y="{height - 10}" text-anchor="middle">{text}</text>'
    yield "</svg>\n"


def _legend() -> Iterator[str]:
    x = float(_LEFT_PX)
    for name, color in (("accepted", "#2f6f9f"), ("processed", "#b0603a")):
        yield f'<path d="M{x} 16h18" stroke="{color}" stroke-width="2"/>'
        yield f'<text x="{x + 22}" y="20">{name}</text>'
        x += 90
    x += 20
    for name, color in _COLORS.items():
        yield f'<rect x="{x}" y="10" width="12" height="12" fill="{color}" fill-opacity="0.35"/>'
        yield f'<text x="{x + 16}" y="20">{name}</text>'
        x += 28 + 6.5 * len(name)


def _band(fault: Injected, end: float, height: int) -> str:
    left, right = _x(fault.began_at / end), _x(fault.ended_at / end)
    color = _COLORS[fault.name.partition(": ")[0]]
    return (
        f'<rect x="{left:.1f}" y="{_TOP_PX}" width="{max(1.0, right - left):.1f}"'
        f' height="{height - _TOP_PX - _BOTTOM_PX}" fill="{color}" fill-opacity="0.25">'
        f"<title>{escape(fault.name)}</title></rect>"
    )


def _panel(number: int, name: str, ticks: Sequence[tuple[float, str]]) -> Iterator[str]:
    top = _TOP_PX + number * (_PANEL_PX + _GAP_PX)
    yield f'<text x="{_LEFT_PX}" y="{top - 6}" font-weight="bold">{name}</text>'
    for value, text in ticks:
        y = _y(value, number)
        yield f'<path d="M{_LEFT_PX} {y:.1f}H{_WIDTH_PX - _RIGHT_PX}" stroke="#dddddd"/>'
        yield f'<text x="{_LEFT_PX - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'


def _line(points: Sequence[Point], panel: int, color: str) -> str:
    coordinates = " ".join(f"{_x(x):.1f},{_y(y, panel):.1f}" for x, y in points)
    return f'<polyline points="{coordinates}" fill="none" stroke="{color}" stroke-width="1.4"/>'


def _rates(samples: Sequence[Sample], total: Callable[[Sample], int]) -> list[Point]:
    """Return the totals' growth per second."""
    kept = [samples[0]]
    for sample in samples:
        if sample.at - kept[-1].at >= _SMOOTH_SECONDS:
            kept.append(sample)
    return [
        (later.at, (total(later) - total(earlier)) / (later.at - earlier.at))
        for earlier, later in pairwise(kept)
    ]


def _log(seconds: float) -> float:
    first, last = _DECADES
    return min(1.0, max(0.0, (log10(seconds) - first) / (last - first)))


def _x(part: float) -> float:
    return _LEFT_PX + part * (_WIDTH_PX - _LEFT_PX - _RIGHT_PX)


def _y(part: float, panel: int) -> float:
    return _TOP_PX + panel * (_PANEL_PX + _GAP_PX) + (1 - part) * _PANEL_PX
