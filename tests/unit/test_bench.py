from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from tools.bench.__main__ import options_of
from tools.bench.background import RoleCost, Usage, background_table
from tools.bench.contestants import BASELINE, CREATE, FLOOR, SERVICE
from tools.bench.errors import BenchError
from tools.bench.figures import (
    alone_figures,
    backlog_figure,
    growth_figure,
    keys_figure,
    median_of,
    memory_figure,
    processing_figure,
    ratio,
    spread,
    throughput_rows,
    throughput_table,
)
from tools.bench.storage import Backlog, Processing
from tools.bench.wrk import Measured, Work, figures_of, script_of

ROUNDS = {
    CREATE: {
        BASELINE: [Measured(200, 150, 300)],
        FLOOR: [Measured(2000, 15, 40)],
        SERVICE: [Measured(2600, 12, 30), Measured(3000, 10, 20), Measured(2400, 14, 90)],
    }
}


def wrk_output(**changes: int) -> str:
    seen = {"requests": 9000, "us": 3_000_000, "p50": 1500, "p99": 20_250}
    seen |= {"refused": 0, "broken": 0, **changes}
    fields = ",".join(f'"{name}":{value}' for name, value in seen.items())
    return f"Running 3s test @ http://127.0.0.1:1\n  1 threads\n\nfigures {{{fields}}}\n"


def test_wrk_output_is_parsed() -> None:
    assert figures_of(wrk_output()) == Measured(per_second=3000, p50=1.5, p99=20.25)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"refused": 3}, "3 were refused"),
        ({"broken": 2}, "2 connections broke"),
        ({"requests": 0}, "not one request was answered"),
    ],
)
def test_a_run_with_failures_is_rejected(changes: dict[str, int], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        figures_of(wrk_output(**changes))


def test_output_without_figures_is_in_the_error() -> None:
    with pytest.raises(BenchError, match="unable to connect"):
        figures_of("unable to connect to 127.0.0.1:1")


def test_the_script_contains_the_requests() -> None:
    work = Work(
        "http://127.0.0.1:1",
        ["/orders/1/", "/orders/2/"],
        "POST",
        {"Authorization": "Bearer abc"},
        '{"name": "чай\n"}',
    )
    script = script_of(work)
    assert 'local paths = {"/orders/1/","/orders/2/"}' in script
    assert '"POST", path, {["Authorization"]="Bearer abc"}' in script
    # Quotes, line ends and non-ASCII characters are written as numbers.
    assert r'"{\034name\034: \034\209\135\208\176\208\185\010\034}"' in script
    assert "%" + "%" not in script


def test_each_request_can_have_a_key() -> None:
    work = Work("http://127.0.0.1:1", ["/orders/"], "POST", {"Authorization": "Bearer abc"}, "{}")
    assert "Idempotency-Key" not in script_of(work)
    script = script_of(replace(work, has_keys=True))
    assert 'headers["Idempotency-Key"] = arguments[1]' in script
    assert script.index("ready[turn]") < script.index("before .. sent .. after")


def test_a_script_without_a_body_sends_none() -> None:
    assert 'wrk.format("GET", path, {}, nil)' in script_of(Work("http://127.0.0.1:1", ["/"]))


def test_only_a_workload_with_pauses_has_a_delay() -> None:
    assert "function delay" not in script_of(Work("http://127.0.0.1:1", ["/"]))
    assert "math.random(0, 2 * 150)" in script_of(Work("http://127.0.0.1:1", ["/"], pause=150))


def test_each_measure_has_its_own_median() -> None:
    assert median_of(ROUNDS[CREATE][SERVICE]) == Measured(2600, 12, 30)


def test_the_spread_is_half_the_range() -> None:
    assert spread(ROUNDS[CREATE][SERVICE]) == "12%"
    assert spread(ROUNDS[CREATE][FLOOR]) == "?"


@pytest.mark.parametrize(
    ("mine", "theirs", "shown"), [(26, 20, "1.30x"), (1, 4, "0.25x"), (2600, 200, "13.0x")]
)
def test_a_ratio_is_shown_with_its_precision(mine: float, theirs: float, shown: str) -> None:
    assert ratio(mine, theirs) == shown


def test_the_service_is_shown_beside_its_targets() -> None:
    assert throughput_rows(ROUNDS) == [
        (CREATE, BASELINE, "200", "?", "150.0", "300.0", "", ""),
        ("", FLOOR, "2,000", "?", "15.0", "40.0", "", ""),
        ("", SERVICE, "2,600", "12%", "12.0", "30.0", "13.0x (≥ 12)", "1.30x (≥ 1.3)"),
    ]


def test_the_table_fits_a_terminal() -> None:
    text = StringIO()
    Console(file=text, width=116).print(throughput_table(ROUNDS, "title"))
    assert "13.0x (≥ 12)" in text.getvalue()
    assert "…" not in text.getvalue()


def test_latency_on_one_connection_is_compared_with_the_floor() -> None:
    (figure,) = alone_figures(ROUNDS)
    assert (figure.value, figure.target) == ("12.00 ms, 0.80x the floor's", "≤ 1.3x")


def test_growth_compares_costs() -> None:
    figure = growth_figure("read", (1000, Measured(1100, 1, 1)), (100_000, Measured(1000, 1, 1)))
    assert figure.name == "read among 100,000 orders"
    assert (figure.value, figure.target) == ("1.10x the cost among 1,000", "0.8-1.2x")


def test_processing_is_shown_with_its_rate() -> None:
    figure = processing_figure(203.4, Processing(800, 31.4, 120.2))
    assert figure.name == "create → processed through Kafka, 203 orders/s"
    assert (figure.value, figure.target) == ("p50 31 ms, p99 120 ms", "< 50 ms, < 250 ms")


def test_a_backlog_is_shown_as_a_rate() -> None:
    assert backlog_figure(Backlog(9000, 30)).value == "300 orders/s"


def test_memory_is_unknown_without_proc() -> None:
    assert memory_figure(87.4).value == "87 MiB"
    assert "/proc" in memory_figure(None).value


def test_quick_is_one_round() -> None:
    options = options_of(["--quick", "--rounds", "7"])
    assert (options.seconds, options.rounds, options.large) == (2, 1, False)


@pytest.mark.parametrize("option", ["--seconds", "--rounds"])
def test_zero_seconds_or_rounds_are_rejected(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        options_of([option, "0"])
    assert "at least 1" in capsys.readouterr().err


def test_the_cost_of_keys_is_a_ratio() -> None:
    figure = keys_figure([Measured(2000, 1, 2)], [Measured(1900, 1, 2)])
    assert (figure.value, figure.target) == ("1,900/s (± ?), 0.95x the 2,000/s without", "≥ 0.9x")


def test_the_costs_of_a_role_are_shown_per_order() -> None:
    begin, end = Usage(1, 2, 3, 4, 5, 6), Usage(1.25, 2.5, 3.125, 1004, 2_000_005, 3006)
    console = Console(file=StringIO(), width=120)
    console.print(background_table([RoleCost("work", 1000, 2.0, begin, end)]))
    assert isinstance(console.file, StringIO)
    row = [each.strip() for each in console.file.getvalue().splitlines()[-2].split("\u2502")]
    assert row[1:-1] == ["work", "1,000", "500", "250", "500", "125", "1.000", "2,000", "3.00"]
