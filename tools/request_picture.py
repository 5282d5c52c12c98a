"""Draw a request's path through the layers as an SVG. Columns are layers and rows are stations."""

from collections.abc import Sequence
from html import escape
from typing import Final, Protocol

_LAYERS: Final = ("entrypoints", "application", "domain", "adapters")
_COLORS: Final = ("#2f6f9f", "#3d8b5f", "#b0603a", "#7a5aa6")
_COLUMN_PX, _ROW_PX, _TOP_PX, _MARGIN_PX = 236, 26, 56, 16


class Station(Protocol):
    """A function on the request's path."""

    @property
    def file(self) -> str:
        """The file's path."""

    @property
    def function(self) -> str:
        """The function's qualified name."""

    @property
    def layer(self) -> str:
        """The file's top-level package."""


def picture(title: str, stations: Sequence[Station]) -> str:
    """Return an SVG that shows the stations from top to bottom."""
    width = _COLUMN_PX * len(_LAYERS) + 2 * _MARGIN_PX
    height = _TOP_PX + _ROW_PX * len(stations) + _MARGIN_PX
    points = [_center(index, station) for index, station in enumerate(stations)]
    line = " ".join(f"{x},{y}" for x, y in points)
    return "\n".join(
        (
            '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="11"',
            f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
            f"<title>{escape(title)}, file by file</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *map(_column, range(len(_LAYERS))),
            f'<polyline points="{line}" fill="none" stroke="#9aa3ab" stroke-width="1.2"/>',
            *(_box(index, station) for index, station in enumerate(stations)),
            "</svg>\n",
        )
    )


def _center(row: int, station: Station) -> tuple[int, int]:
    column = _LAYERS.index(station.layer)
    return (
        _MARGIN_PX + _COLUMN_PX * column + _COLUMN_PX // 2,
        _TOP_PX + _ROW_PX * row + _ROW_PX // 2,
    )


def _column(column: int) -> str:
    x = _MARGIN_PX + _COLUMN_PX * column + _COLUMN_PX // 2
    return (
        f'<text x="{x}" y="30" text-anchor="middle" font-size="15" font-weight="bold"'
        f' fill="{_COLORS[column]}">{_LAYERS[column]}</text>'
    )


def _box(row: int, station: Station) -> str:
    x, y = _center(row, station)
    name = station.file.split("/", 1)[1].removesuffix(".py")
    return (
        f'<g><title>{escape(station.function)}</title><rect x="{x - 110}" y="{y - 10}" width="220"'
        f' height="20" rx="4" fill="{_COLORS[_LAYERS.index(station.layer)]}"/>'
        f'<text x="{x}" y="{y + 4}" text-anchor="middle" fill="#ffffff">{escape(name)}</text></g>'
    )
