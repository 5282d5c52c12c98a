"""Draw the throughput of the contestants as an SVG."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from statistics import median
from typing import Final

from tools.bench.contestants import BASELINE, FLOOR, SERVICE
from tools.bench.rounds import Rounds, Sample
from tools.charts import BLUE, BROWN, GREEN, text

_COLORS: Final = {BASELINE: BROWN, FLOOR: GREEN, SERVICE: BLUE}
_WIDTH_PX, _LEFT_PX, _RIGHT_PX, _TOP_PX = 1_000, 250, 90, 40
_BAR_PX, _GAP_PX = 14, 16


def picture(rounds: Rounds, durable: Rounds) -> str:
    """Return bars of requests per second, with lines from the slowest to the fastest round."""
    groups = [
        *((work, by_name) for work, by_name in rounds.items()),
        *((f"{work}, fsync=on", by_name) for work, by_name in durable.items()),
    ]
    bars = sum(len(by_name) for _, by_name in groups)
    height = _TOP_PX + bars * _BAR_PX + len(groups) * _GAP_PX
    most = max(max(_rates(samples)) for _, by_name in groups for samples in by_name.values())
    return "\n".join(_elements(groups, height, most)) + "\n"


def _elements(
    groups: Sequence[tuple[str, Mapping[str, Sequence[Sample]]]], height: int, most: float
) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="11"'
        f' width="{_WIDTH_PX}" height="{height}" viewBox="0 0 {_WIDTH_PX} {height}">'
    )
    yield "<title>Requests per second of one web worker</title>"
    yield f'<rect width="{_WIDTH_PX}" height="{height}" fill="#ffffff"/>'
    for number, (name, color) in enumerate(_COLORS.items()):
        x = _LEFT_PX + 100 * number
        yield f'<rect x="{x}" y="10" width="12" height="12" fill="{color}"/>'
        yield text(x + 16, 20, name)
    y = _TOP_PX
    for work, by_name in groups:
        yield text(_LEFT_PX - 8, y + _BAR_PX * len(by_name) / 2 + 4, work, "end")
        for name, samples in by_name.items():
            yield from _bar(y, _rates(samples), most, _COLORS[name], f"{work}, {name}")
            y += _BAR_PX
        y += _GAP_PX


def _rates(samples: Sequence[Sample]) -> list[float]:
    return [each.measured.per_second for each in samples]


def _bar(y: int, rates: Sequence[float], most: float, color: str, name: str) -> Iterator[str]:
    middle = y + _BAR_PX / 2
    yield (
        f'<rect x="{_LEFT_PX}" y="{y}" width="{_width(median(rates), most):.1f}"'
        f' height="{_BAR_PX - 3}" fill="{color}"><title>{escape(name)}</title></rect>'
    )
    left, right = (_LEFT_PX + _width(each, most) for each in (min(rates), max(rates)))
    yield f'<path d="M{left:.1f} {middle - 1.5:.1f}H{right:.1f}" stroke="#000000"/>'
    yield text(right + 8, y + _BAR_PX - 4, f"{median(rates):,.0f}")


def _width(rate: float, most: float) -> float:
    return rate / most * (_WIDTH_PX - _LEFT_PX - _RIGHT_PX)
