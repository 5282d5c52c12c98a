import math
from xml.etree import ElementTree as ET

import pytest

from tools.charts import BLUE, RED, Band, Line, Panel, chart, rates

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(("value", "height"), [(0.001, 0), (0.1, 0.5), (10, 1), (0, 0), (99, 1)])
def test_a_logarithmic_axis_covers_its_decades(value: float, height: float) -> None:
    assert Panel("latency", [], decades=(-3, 1)).height(value) == pytest.approx(height)


def test_a_linear_axis_ends_above_the_largest_value() -> None:
    panel = Panel("orders", [Line("accepted", BLUE, [(0, 10), (1, 200), (2, math.nan)])])
    assert panel.height(200) == pytest.approx(1 / 1.05)
    assert panel.ticks() == [(0.0, "0"), (1.0, "210")]


def test_values_that_are_not_numbers_are_left_out() -> None:
    drawn = chart("t", [Panel("p", [Line("l", RED, [(0, 1), (1, math.nan), (2, 1)])])], 2.0)
    (line,) = ET.fromstring(drawn).iter(f"{_SVG}polyline")  # noqa: S314 - our own
    assert len(line.attrib["points"].split()) == 2


def test_bands_have_their_names_as_tooltips() -> None:
    drawn = chart("faults", [Panel("p", [])], 10.0, [Band("Redis: <emptied>", RED, 2, 4)])
    titles = [each.text for each in ET.fromstring(drawn).iter(f"{_SVG}title")]  # noqa: S314 - our own
    assert titles == ["faults", "Redis: <emptied>"]


def test_rates_are_growth_per_second_between_samples() -> None:
    samples = [(0.0, 0.0), (1.0, 10.0), (2.0, 30.0)]
    assert rates(samples, lambda s: s[0], lambda s: s[1]) == [(1.0, 10.0), (2.0, 20.0)]
    assert rates(samples, lambda s: s[0], lambda s: s[1], smooth_seconds=2) == [(2.0, 15.0)]
