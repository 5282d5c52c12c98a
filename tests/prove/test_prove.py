"""A short random run, and the table and the picture that `make prove` makes of it."""

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.prove import random_run
from tests.prove.combine import by_fault, by_seed
from tests.prove.faults import DISK_FULL, FAULTS, schedule
from tests.prove.journal import Journal
from tests.prove.random_run import Injected, RandomRun
from tests.prove.report import Report, Row
from tests.prove.sampler import Sample
from tests.prove.timeline import timeline
from tests.servers.lookup import skip_or_fail
from tests.servers.server import Kind, Unavailable

#: Faults in `make test`. `make prove` injects as many as its time allows.
_FAULTS = 6


def test_random_faults_break_no_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_run, "ORDERS_PER_SECOND", 30.0)
    faults: list[str] = []
    try:
        run = random_run.run(
            6,
            folder=tmp_path,
            is_over=lambda run: len(run.faults) >= _FAULTS,
            log=lambda text: faults.append(str(text)),
        )
    except Unavailable as missing:
        skip_or_fail(Kind.KAFKA, str(missing), os.environ)
    assert run.failures == [], "\n".join([*faults, *run.failures])
    assert len(run.faults) >= _FAULTS
    assert run.processed >= len(run.journal.orders) > 0


def test_a_seed_gives_every_fault_once_before_any_twice() -> None:
    faults = schedule(3)
    first, second = ([next(faults) for _ in FAULTS] for _ in range(2))
    assert set(first) == set(second) == set(FAULTS)
    assert first != second
    again = schedule(3)
    assert [next(again) for _ in FAULTS] == first


class _Totals:
    """A sampler whose totals are those from before the fault until the test changes them."""

    began_at = looked_at = 0.0
    progress = (5, 5, 5)


def test_progress_from_before_the_healing_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    totals: Any = _Totals()
    seen = iter([(1.0, (9, 9, 9)), (3.0, (9, 9, 9)), (4.0, (10, 9, 10)), (5.0, (10, 10, 10))])

    def look(_: float) -> None:
        totals.looked_at, totals.progress = next(seen)

    monkeypatch.setattr(random_run, "sleep", look)
    monkeypatch.setattr(random_run, "monotonic", lambda: 2.0)
    assert random_run._wait_for_progress(totals, 2.0) == "published"
    assert next(seen, None) is None


def test_without_a_disk_to_fill_all_other_faults_keep_their_sequence() -> None:
    everything, possible = schedule(3), schedule(3, can_fill_disk=False)
    first = [next(everything) for _ in FAULTS]
    rest = [next(possible) for _ in range(len(FAULTS) - 1)]
    assert rest == [fault for fault in first if fault is not DISK_FULL]


def _a_run(recovery_seconds: float = 0.5) -> RandomRun:
    run = RandomRun(1, journal=Journal(acknowledged_orders=20))
    run.faults = [
        Injected("API: kill -9", 1.0, 2.0, 2.0 + recovery_seconds),
        Injected("API: kill -9", 4.0, 5.0, 5.1),
        Injected("Redis: emptied", 6.0, 7.0, 7.2),
    ]
    run.samples = [Sample(at / 2, at, at, at, 0.01, 0.1) for at in range(20)]
    return run


def test_the_table_has_a_row_for_each_victim_and_fault() -> None:
    report = Report()
    report.add(Row("crash walk", "in memory", 306))
    report.add_random_run(_a_run())
    assert [(row.victim, row.what, row.times) for row in report.rows] == [
        ("crash walk", "in memory", 306),
        ("API", "kill -9", 2),
        ("Redis", "emptied", 1),
    ]
    assert report.failures == []
    assert "| API | kill -9 | 2 | 0.5 s | 0 |" in report.markdown()
    assert json.loads(json.dumps(report.json()))["verdict"] == report.verdict
    assert list(report.lines())[-1] == "Nothing was lost, doubled, out of order or stuck."


def test_several_runs_are_combined_in_two_tables() -> None:
    results = []
    for seed in (1, 2):
        run = _a_run()
        run.seed, run.processed = seed, 20
        report = Report()
        report.add_random_run(run)
        results.append(json.loads(json.dumps(report.json())))
    assert [*by_seed(results)][2:] == [
        "| 1 | 0.2 | 3 | 20 | 20 | 0.5 s | 0 | 0 |",
        "| 2 | 0.2 | 3 | 20 | 20 | 0.5 s | 0 | 0 |",
    ]
    assert [*by_fault(results)][2] == "| API | kill -9 | 4 | 0.5 s | 0 |"


def test_a_late_recovery_is_a_failure() -> None:
    report = Report()
    report.add_random_run(_a_run(recovery_seconds=11.0))
    assert report.failures == ["API: kill -9: no progress for 11.0 s after it was healed"]
    assert "1 promises were broken." in report.markdown()


def test_the_timeline_is_an_svg_with_a_band_for_each_fault() -> None:
    picture = ET.fromstring(timeline(_a_run()))  # noqa: S314 - our own
    titles = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[1:] == ["API: kill -9", "API: kill -9", "Redis: emptied"]
