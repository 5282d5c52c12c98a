import pytest

from domain.order.history import Step, step_of
from domain.order.status import OrderStatus
from tests.unit.domain.orders import LATER, NOW, OWNER, STAFF, a_new_order, an_order, saved

PENDING, PAID, SHIPPED, CANCELED = OrderStatus


def test_the_creation_is_the_first_step_and_comes_from_nothing() -> None:
    assert step_of(a_new_order()) == Step(1, None, PENDING, OWNER, None, NOW)


def test_each_move_is_a_step_with_its_author_reason_and_time() -> None:
    order = an_order()
    order.move_to(PAID, OWNER, "by card", LATER)
    assert step_of(order) == Step(2, PENDING, PAID, OWNER, "by card", LATER)
    order = saved(order)
    order.move_to(SHIPPED, STAFF, None, LATER)
    assert step_of(order) == Step(3, PAID, SHIPPED, STAFF, None, LATER)


def test_processing_is_no_step() -> None:
    order = an_order()
    order.finish_processing(LATER)
    assert step_of(order) is None


@pytest.mark.parametrize("status", OrderStatus)
def test_where_nothing_was_written_no_step_was_taken(status: OrderStatus) -> None:
    order = an_order(status)
    order.move_to(status, OWNER, "again", LATER)
    assert step_of(order) is None
