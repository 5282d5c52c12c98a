"""The output of `orders audit`."""

import json

from application.ports.audit import NAMED, AuditReport
from entrypoints.cli.audit import json_of, text_of
from tests.support.orders import an_order_id
from tests.support.time import HOUR, NOW


def a_report() -> AuditReport:
    return AuditReport(orders=7, published=6, processed=5, pending=2)


def test_clean_report_is_one_line() -> None:
    assert text_of(a_report(), NOW) == (
        "orders=7 published=6 processed=5 pending=2 unpublished=0 lost=0 duplicated=0 stuck=0\n"
    )


def test_ids_reasons_and_the_age_of_the_oldest_event_follow_the_counts() -> None:
    report, lost, stuck = a_report(), an_order_id(), an_order_id()
    report.add_unpublished(3, NOW - HOUR)
    report.lost.add(lost, "effect-missing", "inbox-row-missing")
    for _ in range(NAMED + 2):
        report.stuck.add(stuck := an_order_id())
    first, *rest = text_of(report, NOW).splitlines()
    assert first == (
        "orders=7 published=6 processed=5 pending=2 unpublished=3 lost=1 duplicated=0 stuck=22"
    )
    assert rest[:2] == [
        "unpublished: oldest=3600s",
        f"lost: {lost} (effect-missing, inbox-row-missing)",
    ]
    assert rest[2].startswith("stuck: ")
    assert rest[2].endswith(" and 2 more")
    assert str(stuck) not in rest[2]


def test_json_has_the_same_counts_with_ids_reasons_and_age() -> None:
    report, lost, duplicated = a_report(), an_order_id(), an_order_id()
    report.add_unpublished(3, NOW - HOUR)
    report.lost.add(lost, "effect-missing")
    report.duplicated.add(duplicated)
    assert json.loads(json_of(report, NOW)) == {
        "orders": 7,
        "published": 6,
        "processed": 5,
        "pending": 2,
        "unpublished": 3,
        "lost": 1,
        "duplicated": 1,
        "stuck": 0,
        "lost_ids": [str(lost)],
        "duplicated_ids": [str(duplicated)],
        "stuck_ids": [],
        "lost_reasons": {str(lost): ["effect-missing"]},
        "oldest_unpublished_seconds": 3600.0,
    }
    assert json.loads(json_of(a_report(), NOW))["oldest_unpublished_seconds"] is None
