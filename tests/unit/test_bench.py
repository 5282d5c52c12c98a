import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tools.bench.__main__ import options_of
from tools.bench.background import RoleCost, background_table
from tools.bench.contestants import (
    BASELINE,
    CREATE,
    CREATE_WITH_KEY,
    FLOOR,
    LIST,
    READ,
    SERVICE,
    WORKS,
)
from tools.bench.copies import copy_moment
from tools.bench.crud import crud_table, script_of_mix
from tools.bench.errors import BenchError
from tools.bench.figures import (
    alone_figures,
    backlog_figure,
    costs_table,
    growth_figure,
    keys_figure,
    median_of,
    memory_figure,
    processing_figure,
    spread,
    throughput_rows,
    throughput_table,
    times,
)
from tools.bench.outbox import HOURS, Hour, outbox_table
from tools.bench.picture import picture
from tools.bench.record import compare, load, save
from tools.bench.replicas import Replicas, replicas_table
from tools.bench.round_trips import RoundTrips
from tools.bench.rounds import Ratio, Sample, middle_half, ratios
from tools.bench.scale import WORKS as SCALE_WORKS
from tools.bench.scale import Costs, scale_table
from tools.bench.storage import Backlog, Processing
from tools.bench.usage import Usage
from tools.bench.wrk import Measured, Work, figures_of, script_of

#: A thousand requests took 0.25 s of CPU time in the process, 0.5 s in PostgreSQL, 0.125 in Redis.
USAGE = Usage(0.25, 0.5, 0.125, 1000, 2_000_000, 3000)


def measured(per_second: float, p50: float = 1, p99: float = 1) -> Measured:
    return Measured(per_second, p50, p99, requests=1000)


def samples(*each: Measured) -> list[Sample]:
    return [Sample(one, USAGE) for one in each]


MINE = samples(measured(2600, 12, 30), measured(2880, 10, 20), measured(2400, 14, 90))
ROUNDS = {
    CREATE: {
        BASELINE: samples(*[measured(200, 150, 300)] * 3),
        FLOOR: samples(*[measured(2000, 15, 40)] * 3),
        SERVICE: MINE,
    }
}


def rendered(table: Table) -> str:
    console = Console(file=StringIO(), width=120)
    console.print(table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def cells(line: str) -> list[str]:
    return [each.strip() for each in line.split("\u2502")][1:-1]


def wrk_output(**changes: int) -> str:
    seen = {"requests": 9000, "us": 3_000_000, "p50": 1500, "p99": 20_250}
    seen |= {"refused": 0, "broken": 0, **changes}
    fields = ",".join(f'"{name}":{value}' for name, value in seen.items())
    return f"Running 3s test @ http://127.0.0.1:1\n  1 threads\n\nfigures {{{fields}}}\n"


def test_wrk_output_is_parsed() -> None:
    seen = Measured(per_second=3000, p50=1.5, p99=20.25, requests=9000)
    assert figures_of(wrk_output()) == seen


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
    assert median_of([each.measured for each in MINE]) == Measured(2600, 12, 30, requests=3000)


def test_the_spread_is_half_the_range() -> None:
    assert spread([each.measured for each in MINE]) == "9%"
    assert spread([measured(1)]) == "?"


@pytest.mark.parametrize(
    ("value", "shown"), [(1.3, "1.30x"), (0.25, "0.25x"), (9.999, "10.00x"), (13, "13.0x")]
)
def test_a_ratio_is_shown_with_its_precision(value: float, shown: str) -> None:
    assert times(value) == shown


def test_the_service_is_shown_beside_its_targets() -> None:
    assert throughput_rows(ROUNDS) == [
        (CREATE, BASELINE, "200", "0%", "150.0", "300.0", "", ""),
        ("", FLOOR, "2,000", "0%", "15.0", "40.0", "", ""),
        ("", SERVICE, "2,600", "9%", "12.0", "30.0", "13.0x (≥ 12)", "1.30x (≥ 1.3)"),
    ]


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    """If a whole round is slow, the ratio stays the same."""
    rounds = {
        CREATE: {
            BASELINE: samples(measured(100), measured(50), measured(100)),
            FLOOR: samples(measured(1000), measured(400), measured(1000)),
            SERVICE: samples(measured(1200), measured(600), measured(1300)),
        }
    }
    assert ratios(rounds)[CREATE][BASELINE] == Ratio([12, 12, 13])
    assert ratios(rounds)[CREATE][FLOOR].median == 1.3


def test_the_middle_half_has_no_outliers() -> None:
    assert middle_half([5, 1, 4, 2, 3]) == [2, 3, 4]
    assert middle_half([3, 1, 2]) == [1, 2, 3]
    assert Ratio([1.0, 9.0, 1.1, 1.2, 0.1]).agrees


def test_a_ratio_whose_rounds_disagree_is_refused() -> None:
    mine = samples(measured(2600), measured(3400), measured(2600))
    row = throughput_rows({CREATE: {**ROUNDS[CREATE], SERVICE: mine}})[-1]
    assert row[-2:] == ("refused 13.00-17.00", "refused 1.30-1.70")


def test_the_costs_of_a_request_are_shown() -> None:
    trips = {CREATE: dict.fromkeys(ROUNDS[CREATE], RoundTrips(postgres=0.0834, redis=1.5))}
    text = rendered(costs_table(ROUNDS, trips))
    row = next(line for line in text.splitlines() if SERVICE in line)
    assert cells(row) == ["", SERVICE, "250", "500", "125", "0.08", "1.50"]


def test_the_tables_fit_a_terminal() -> None:
    trips = {CREATE: dict.fromkeys(ROUNDS[CREATE], RoundTrips(postgres=0.0834, redis=1.5))}
    text = StringIO()
    console = Console(file=text, width=116)
    console.print(throughput_table(ROUNDS, "title"))
    console.print(costs_table(ROUNDS, trips))
    assert "13.0x (≥ 12)" in text.getvalue()
    assert "…" not in text.getvalue()


def test_a_loss_is_below_the_recorded_rounds(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    save({CREATE: {FLOOR: Ratio([1.2, 1.0, 1.1])}}, file)
    slower, similar = Ratio([0.94, 0.9, 0.85]), Ratio([0.96, 0.8, 0.8])
    assert [
        each.is_loss
        for now in (slower, similar, Ratio([2.0, 2.1, 2.2]))
        for each in compare(load(file), {CREATE: {FLOOR: now}})
    ] == [True, False, False]


def test_a_record_without_a_ratio_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    save({}, file)
    with pytest.raises(BenchError, match=re.escape(f"no ratio for {CREATE} / {FLOOR}")):
        list(compare(load(file), {CREATE: {FLOOR: Ratio([1.0])}}))


def test_a_missing_record_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="make bench BENCH_ARGS='all --record'"):
        load(tmp_path / "record.json")


def test_the_picture_has_a_bar_for_each_contestant() -> None:
    image = picture(ROUNDS, ROUNDS)
    assert image.count("<title>") == 1 + 2 * 3
    assert f"{CREATE}, fsync=on, {SERVICE}" in image


def test_latency_on_one_connection_is_compared_with_the_floor() -> None:
    (figure,) = alone_figures(ROUNDS)
    assert (figure.value, figure.target) == ("12.00 ms, 0.80x the floor's", "≤ 1.3x")


def test_growth_compares_costs() -> None:
    figure = growth_figure("read", (1000, measured(1100)), (100_000, measured(1000)))
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
    assert (options.seconds, options.rounds, options.part) == (2, 1, "all")


@pytest.mark.parametrize("option", ["--seconds", "--rounds"])
def test_zero_seconds_or_rounds_are_rejected(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        options_of([option, "0"])
    assert "at least 1" in capsys.readouterr().err


def test_the_cost_of_keys_is_a_ratio() -> None:
    rounds = {
        CREATE: {SERVICE: samples(measured(2000))},
        CREATE_WITH_KEY: {SERVICE: samples(measured(1900))},
    }
    figure = keys_figure(rounds)
    assert (figure.value, figure.target) == ("1,900/s (± ?), 0.95x the 2,000/s without", "≥ 0.9x")


def test_the_costs_of_a_role_are_shown_per_order() -> None:
    begin, end = Usage(1, 2, 3, 4, 5, 6), Usage(1.25, 2.5, 3.125, 1004, 2_000_005, 3006)
    text = rendered(background_table([RoleCost("work", 1000, 2.0, end.since(begin))]))
    row = cells(text.splitlines()[-2])
    assert row == ["work", "1,000", "500", "250", "500", "125", "1.000", "2,000", "3.00"]


def test_the_mix_has_the_shares_of_httparena() -> None:
    """A Lua interpreter isn't needed, because the order of the kinds is a literal."""
    works = {
        CREATE: Work("http://127.0.0.1:1", ["/orders/"], "POST", {"A": "user"}, "{}"),
        READ: Work("http://127.0.0.1:1", ["/orders/1/", "/orders/2/"], "GET", {"A": "user"}),
        LIST: Work("http://127.0.0.1:1", ["/orders/user/3/"], "GET", {"A": "lister"}),
    }
    script = script_of_mix(works, ["4", "5"])
    order = re.search(r"local order = \{([\d, ]+)\}", script)
    assert order is not None
    kinds = [int(each) for each in order[1].split(", ")]
    assert [kinds.count(kind) for kind in (1, 2, 3, 4)] == [15, 3, 1, 1]
    assert '{method="GET",headers={["A"]="user"},requests={{"/orders/1/",nil}' in script
    assert '{method="GET",headers={["A"]="lister"},requests={{"/orders/user/3/",nil}}}' in script
    assert '{method="POST",headers={["A"]="user"},requests={{"/orders/","{}"}}}' in script
    # An order is paid long before it is shipped.
    updates = re.findall(r'\{"(/orders/\d/)","\{\\034status\\034:\\034(\w+)', script)
    assert updates == [
        ("/orders/4/", "PAID"),
        ("/orders/5/", "PAID"),
        ("/orders/4/", "SHIPPED"),
        ("/orders/5/", "SHIPPED"),
    ]


def test_the_mix_is_shown_per_busy_core() -> None:
    text = rendered(crud_table({SERVICE: MINE}))
    assert cells(text.splitlines()[-2]) == [
        SERVICE,
        *("2,600", "9%", "30.0", "250", "500", "125", "4,000"),
    ]


def test_costs_with_more_orders_are_compared_with_the_first() -> None:
    def costs(orders: int, per_second: float) -> Costs:
        works = dict.fromkeys(SCALE_WORKS, samples(measured(per_second)))
        return Costs(orders, works, 0.0015, 0.025, 1.25, 0.5, 1200.4)

    table = scale_table([costs(1000, 3000), costs(100_000, 2000)])
    rows = {row[0]: row[1:] for line in rendered(table).splitlines() if (row := cells(line))}
    assert rows["read, requests/s"] == ["3,000", "2,000"]
    assert rows["cost compared with the first"] == ["1.00x", "1.50x"]
    assert rows["CPU of API and PostgreSQL, µs"] == ["750", "750"]
    assert rows["requeue: ms for a page of 100"] == ["1.5", "1.5"]
    assert rows["bytes an order"] == ["1,200", "1,200"]
    assert rows["WAL bytes a new order"] == ["2,000", "2,000"]


def test_replicas_are_shown_with_the_cores_that_they_keep_busy() -> None:
    rounds = {work: {SERVICE: samples(measured(2000))} for work in WORKS}
    table = replicas_table([Replicas(1, rounds, Backlog(20_000, 10.0))])
    rows = {row[0]: row[1:] for line in rendered(table).splitlines() if (row := cells(line))}
    assert rows[CREATE] == ["2,000"]
    assert rows["busy cores: API, PostgreSQL, Redis"] == ["0.50, 1.00, 0.25"]
    assert rows["orders processed"] == ["2,000"]


def test_some_hours_of_the_outbox_are_shown() -> None:
    hours = [
        Hour(0.001, 0.002, 2**30, 2**29, 2**20, 1000 * each, each) for each in range(HOURS + 1)
    ]
    table = outbox_table({"our settings": hours})
    rows = {row[0]: row[1:] for line in rendered(table).splitlines() if (row := cells(line))}
    assert rows["table, MiB"] == ["1,024"] * 5
    assert rows["dead rows"] == ["0", "1,000", "6,000", "12,000", "24,000"]
    assert rows["relay's read of 200 events, ms"] == ["1.00"] * 5


def test_copies_are_a_second_apart() -> None:
    assert copy_moment(0) == datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)
    assert copy_moment(90) - copy_moment(0) == timedelta(minutes=1.5)
