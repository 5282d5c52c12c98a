"""The output of `orders audit`."""

import json

from application.ports.audit import NAMED, AuditReport, BrokerReport, Fact, MissingEvent
from application.ports.events import Placement
from domain.ids import EventId
from entrypoints.cli.audit import json_of, text_of
from tests.support.orders import IDS, an_order_id
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


def a_missing_event(offset: int) -> MissingEvent:
    order_id, placement = an_order_id(), Placement(3, offset)
    fact = Fact(
        id=EventId(IDS.new(NOW)),
        subject=order_id,
        version=2,
        topic="order_status_changed",
        position=9,
        placement=placement,
        key=str(order_id).encode(),
    )
    return MissingEvent(fact, placement, "record-missing")


def test_a_comparison_with_the_broker_adds_its_counts_to_the_line() -> None:
    assert text_of(a_report(), NOW, BrokerReport(uncompared=4)) == (
        "orders=7 published=6 processed=5 pending=2 unpublished=0 lost=0 duplicated=0 stuck=0"
        " missing=0 uncompared=4\n"
    )


def test_missing_events_follow_with_version_topic_partition_and_offset() -> None:
    broker = BrokerReport()
    events = [a_missing_event(offset) for offset in range(NAMED + 2)]
    for event in events:
        broker.add_missing(event)
    counts, missing = text_of(a_report(), NOW, broker).splitlines()
    assert counts.endswith(" missing=22 uncompared=0")
    first = events[0].fact.subject
    assert missing.startswith(
        f"missing: {first} (record-missing, version 2, order_status_changed 3:0) "
    )
    assert missing.endswith(" 3:19) and 2 more")


def test_json_of_a_comparison_has_the_missing_events() -> None:
    broker, event = BrokerReport(uncompared=1), a_missing_event(17)
    broker.add_missing(event)
    compared = json.loads(json_of(a_report(), NOW, broker))
    alone = json.loads(json_of(a_report(), NOW))
    assert {name: compared[name] for name in compared.keys() - alone.keys()} == {
        "missing": 1,
        "uncompared": 1,
        "missing_events": [
            {
                "id": str(event.fact.subject),
                "version": 2,
                "event_id": str(event.fact.id),
                "topic": "order_status_changed",
                "partition": 3,
                "offset": 17,
                "reason": "record-missing",
            }
        ],
    }
