import pytest

from application.audit import NAMED, AuditReport, Bad
from tests.support.orders import an_order_id


def test_a_report_of_nothing_bad_is_clean() -> None:
    assert AuditReport(orders=3, published=3, processed=2, pending=1).is_clean


@pytest.mark.parametrize("kind", ["lost", "duplicated", "stuck"])
def test_one_bad_order_is_enough(kind: str) -> None:
    report = AuditReport(orders=3)
    bad: Bad = getattr(report, kind)
    bad.add(an_order_id())
    assert not report.is_clean


def test_all_bad_orders_are_counted_and_the_first_are_named() -> None:
    bad, orders = Bad(), [an_order_id() for _ in range(NAMED + 5)]
    for order_id in orders:
        bad.add(order_id)
    assert (bad.count, bad.ids) == (NAMED + 5, orders[:NAMED])
