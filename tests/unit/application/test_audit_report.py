import pytest

from application.ports.audit import NAMED, AuditReport, Bad
from tests.support.orders import an_order_id
from tests.support.time import HOUR, NOW


def test_a_report_without_defects_is_clean() -> None:
    assert AuditReport(orders=3, published=3, processed=2, pending=1).is_clean


@pytest.mark.parametrize("kind", ["lost", "duplicated", "stuck"])
def test_one_defect_makes_a_report_unclean(kind: str) -> None:
    report = AuditReport(orders=3)
    bad: Bad = getattr(report, kind)
    bad.add(an_order_id())
    assert not report.is_clean


def test_all_defective_orders_are_counted_and_the_first_are_listed() -> None:
    bad, orders = Bad(), [an_order_id() for _ in range(NAMED + 5)]
    for order_id in orders:
        bad.add(order_id)
    assert (bad.count, bad.ids) == (NAMED + 5, orders[:NAMED])


def test_listed_orders_have_their_reasons() -> None:
    bad, order_id = Bad(), an_order_id()
    bad.add(order_id, "effect-missing", "outcome-differs")
    assert bad.reasons == {order_id: ("effect-missing", "outcome-differs")}


def test_unpublished_events_are_counted_with_the_oldest_and_are_no_defect() -> None:
    report = AuditReport()
    for events, oldest in ((0, None), (2, NOW), (1, NOW - HOUR), (3, NOW + HOUR)):
        report.add_unpublished(events, oldest)
    assert (report.unpublished, report.oldest_unpublished) == (6, NOW - HOUR)
    assert report.is_clean
