"""Draw measurements over time as an SVG: panels with lines, and bands for what happened."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import isfinite, log10
from typing import Final, TypeVar

_WIDTH_PX, _LEFT_PX, _RIGHT_PX = 1_000, 60, 15
_PANEL_PX, _GAP_PX, _TOP_PX, _BOTTOM_PX = 150, 40, 50, 30
_CHARACTER_PX: Final = 6.5
#: The labels of the time axis, including its ends.
_TIMES: Final = 6
#: Lines end this far below the top of a linear panel.
_HEADROOM: Final = 1.05

BLUE: Final = "#2f6f9f"
BROWN: Final = "#b0603a"
GREEN: Final = "#3d8b5f"
PURPLE: Final = "#7a5aa6"
RED: Final = "#c0392b"

#: Seconds since the beginning, and a value.
Point = tuple[float, float]
SampleT = TypeVar("SampleT")


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points. Its name is in the legend."""

    name: str
    color: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines that share an axis, which begins at 0.

    With `decades`, the axis is logarithmic and covers these powers of ten.
    """

    title: str
    lines: Sequence[Line]
    unit: str = ""
    decades: tuple[int, int] | None = None

    @property
    def _most(self) -> float:
        values = (value for line in self.lines for _, value in line.points if isfinite(value))
        return max([1.0, *values]) * _HEADROOM

    def height(self, value: float) -> float:
        """Return where a value is, from 0 at the bottom to 1 at the top."""
        if self.decades is None:
            return value / self._most
        first, last = self.decades
        power = log10(value) if value > 0 else first
        return min(1.0, max(0.0, (power - first) / (last - first)))

    def ticks(self) -> Sequence[tuple[float, str]]:
        """Return the heights of the grid's lines, and their labels."""
        if self.decades is None:
            return [(0.0, "0"), (1.0, f"{self._most:.0f}{self.unit}")]
        first, last = self.decades
        powers = range(first, last + 1)
        return [(self.height(10.0**power), f"{10.0**power:g}{self.unit}") for power in powers]


@dataclass(frozen=True, slots=True)
class Band:
    """Something that took place between two times, in seconds since the beginning."""

    name: str
    color: str
    begin: float
    end: float


def rates(
    samples: Sequence[SampleT],
    at: Callable[[SampleT], float],
    total: Callable[[SampleT], float],
    smooth_seconds: float = 0.0,
) -> list[Point]:
    """Return a total's growth per second, between samples that are `smooth_seconds` apart."""
    kept = list(samples[:1])
    for sample in samples[1:]:
        if at(sample) - at(kept[-1]) >= smooth_seconds:
            kept.append(sample)
    return [
        (at(later), (total(later) - total(earlier)) / (at(later) - at(earlier)))
        for earlier, later in pairwise(kept)
    ]


def chart(
    title: str,
    panels: Sequence[Panel],
    end: float,
    bands: Sequence[Band] = (),
    band_kinds: Sequence[tuple[str, str]] = (),
) -> str:
    """Return an SVG of the time from 0 to `end` seconds.

    `band_kinds` are the names and colors that the legend lists for the bands.
    """
    return "\n".join(_Chart(end, len(panels)).elements(title, panels, bands, band_kinds)) + "\n"


class _Chart:
    def __init__(self, end: float, panels: int) -> None:
        self._end = end
        self._height = _TOP_PX + panels * _PANEL_PX + (panels - 1) * _GAP_PX + _BOTTOM_PX

    def elements(
        self,
        title: str,
        panels: Sequence[Panel],
        bands: Sequence[Band],
        band_kinds: Sequence[tuple[str, str]],
    ) -> Iterator[str]:
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="11"'
            f' width="{_WIDTH_PX}" height="{self._height}"'
            f' viewBox="0 0 {_WIDTH_PX} {self._height}">'
        )
        yield f"<title>{escape(title)}</title>"
        yield f'<rect width="{_WIDTH_PX}" height="{self._height}" fill="#ffffff"/>'
        yield from _legend([line for panel in panels for line in panel.lines], band_kinds)
        for band in bands:
            yield self._band(band)
        for number, panel in enumerate(panels):
            yield from _panel(number, panel)
            for line in panel.lines:
                yield self._line(number, panel, line)
        for part in range(_TIMES):
            at = part / (_TIMES - 1)
            yield text(_x(at), self._height - 10, f"{self._end * at:.0f} s", "middle")
        yield "</svg>"

    def _band(self, band: Band) -> str:
        left, right = _x(band.begin / self._end), _x(band.end / self._end)
        return (
            f'<rect x="{left:.1f}" y="{_TOP_PX}" width="{max(1.0, right - left):.1f}"'
            f' height="{self._height - _TOP_PX - _BOTTOM_PX}" fill="{band.color}"'
            f' fill-opacity="0.25"><title>{escape(band.name)}</title></rect>'
        )

    def _line(self, number: int, panel: Panel, line: Line) -> str:
        points = " ".join(
            f"{_x(at / self._end):.1f},{_y(panel.height(value), number):.1f}"
            for at, value in line.points
            if isfinite(value)
        )
        return f'<polyline points="{points}" fill="none" stroke="{line.color}" stroke-width="1.4"/>'


def _legend(lines: Sequence[Line], band_kinds: Sequence[tuple[str, str]]) -> Iterator[str]:
    x = float(_LEFT_PX)
    for line in lines:
        yield f'<path d="M{x} 16h18" stroke="{line.color}" stroke-width="2"/>'
        yield text(x + 22, 20, line.name)
        x += 40 + _CHARACTER_PX * len(line.name)
    x += 20
    for name, color in band_kinds:
        yield f'<rect x="{x}" y="10" width="12" height="12" fill="{color}" fill-opacity="0.35"/>'
        yield text(x + 16, 20, name)
        x += 28 + _CHARACTER_PX * len(name)


def _panel(number: int, panel: Panel) -> Iterator[str]:
    top = _TOP_PX + number * (_PANEL_PX + _GAP_PX)
    yield f'<text x="{_LEFT_PX}" y="{top - 6}" font-weight="bold">{escape(panel.title)}</text>'
    for height, label in panel.ticks():
        y = _y(height, number)
        yield f'<path d="M{_LEFT_PX} {y:.1f}H{_WIDTH_PX - _RIGHT_PX}" stroke="#dddddd"/>'
        yield text(_LEFT_PX - 6, y + 4, label, "end")


def text(x: float, y: float, content: str, anchor: str = "start") -> str:
    """Return an element with text at a position in pixels."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'


def _x(part: float) -> float:
    return _LEFT_PX + part * (_WIDTH_PX - _LEFT_PX - _RIGHT_PX)


def _y(part: float, panel: int) -> float:
    return _TOP_PX + panel * (_PANEL_PX + _GAP_PX) + (1 - part) * _PANEL_PX
