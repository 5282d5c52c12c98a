import math
from dataclasses import replace
from typing import Final

import pytest

from tools.soak import Sample, line, options_of, p99_bound

BEGIN: Final = Sample(
    at=100,
    mib=90,
    accepted=10,
    shed=0,
    failed=0,
    limit=1024,
    latencies={0.5: 10, 1.0: 10, math.inf: 10},
)
LATER: Final = replace(
    BEGIN,
    at=110,
    mib=91,
    accepted=1010,
    shed=400,
    failed=3,
    limit=300,
    latencies={0.5: 990, 1.0: 1005, math.inf: 1010},
)


def test_p99_is_the_bucket_of_the_orders_between_two_samples() -> None:
    assert p99_bound(BEGIN, LATER) == 1.0


def test_p99_without_orders_is_not_a_number() -> None:
    assert math.isnan(p99_bound(LATER, LATER))


def test_line_has_rates_for_the_time_between_two_samples() -> None:
    shown = line(BEGIN, BEGIN, LATER)
    for figure in ("10 s", "91.0 MiB", "100/s", "40/s", "failed   3", "limit   300", "<= 1 s"):
        assert figure in shown


def test_default_is_ten_minutes_at_twice_the_capacity() -> None:
    options = options_of([])
    assert (options.minutes, options.times) == (10, 2)


@pytest.mark.parametrize("wrong", [["--minutes", "0"], ["--times", "-1"]])
def test_options_must_be_positive(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        options_of(wrong)
