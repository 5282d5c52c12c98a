import math
from dataclasses import replace
from typing import Final
from xml.etree import ElementTree as ET

import pytest

from tools.soak.__main__ import connections_for, options_of, summary
from tools.soak.picture import picture
from tools.soak.samples import Sample, line, p99_bound

BEGIN: Final = Sample(
    at=100,
    mib={"API": 90, "worker": 60},
    accepted=10,
    shed=0,
    failed=0,
    limit=1024,
    processed=0,
    latencies={0.5: 10, 1.0: 10, math.inf: 10},
)
LATER: Final = replace(
    BEGIN,
    at=110,
    mib={"API": 91, "worker": 60},
    accepted=1010,
    shed=400,
    failed=3,
    limit=300,
    processed=500,
    latencies={0.5: 990, 1.0: 1005, math.inf: 1010},
)


def test_p99_is_the_bucket_of_the_orders_between_two_samples() -> None:
    assert p99_bound(BEGIN, LATER) == 1.0


def test_p99_without_orders_is_not_a_number() -> None:
    assert math.isnan(p99_bound(LATER, LATER))


def test_line_has_rates_for_the_time_between_two_samples() -> None:
    shown = line(BEGIN, BEGIN, LATER)
    for figure in (
        "10 s",
        "API 91",
        "100/s",
        "40/s",
        "50/s",
        "failed   3",
        "limit   300",
        "<= 1 s",
    ):
        assert figure in shown


def test_accepted_requests_take_longer_than_refused_ones() -> None:
    """1,000 requests per second are refused. The others wait for 0.75 s, and all pause for 3 s."""
    assert connections_for(rate=2000, capacity=1000) == 6750


def test_summary_compares_memory_with_that_under_full_load() -> None:
    end = replace(LATER, at=120, mib={"API": 92, "worker": 61})
    shown = summary([BEGIN, LATER, end])
    for figure in ("sent 70/s", "accepted 1000", "refused 400", "processed 500", "API 91 -> 92"):
        assert figure in shown


def test_picture_has_a_line_for_each_process() -> None:
    drawn = picture([BEGIN, LATER, replace(LATER, at=120, latencies=BEGIN.latencies)])
    texts = [each.text for each in ET.fromstring(drawn).iter() if each.text]  # noqa: S314 - ours
    assert {"API, MiB", "worker, MiB", "refused"} <= set(texts)


def test_default_is_ten_minutes_at_twice_the_capacity() -> None:
    options = options_of([])
    assert (options.minutes, options.times) == (10, 2)


@pytest.mark.parametrize("wrong", [["--minutes", "0"], ["--times", "-1"]])
def test_options_must_be_positive(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        options_of(wrong)
