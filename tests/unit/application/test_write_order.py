import pytest

from domain.order.history import Step
from domain.order.order import Order
from tests.support.orders import (
    PAID,
    PENDING,
    RENDERER,
    STAFF,
    a_placed_order,
    a_user_id,
    an_order_write,
)
from tests.support.time import NOW


def test_a_write_shows_one_and_the_same_order_everywhere() -> None:
    order = a_placed_order(a_user_id())
    write = an_order_write(order)
    assert write.record == RENDERER.record(order)
    assert write.document == RENDERER.document(write.record)
    assert write.event.payload == write.document.body
    assert (write.event.subject, write.event.version, write.event.revision) == (order.id, 1, 1)


def test_a_write_carries_the_step_that_it_takes() -> None:
    order = Order.restore(a_placed_order(a_user_id()).state)
    order.move_to(PAID, STAFF, "by card", NOW)
    assert an_order_write(order).step == Step(2, PENDING, PAID, STAFF, "by card", NOW)


def test_processing_writes_an_event_and_no_step() -> None:
    order = Order.restore(a_placed_order(a_user_id()).state)
    order.finish_processing(NOW)
    write = an_order_write(order)
    assert write.step is None
    assert (write.event.type, write.event.revision) == ("order.processed", 2)


def test_each_write_is_an_event_of_its_own() -> None:
    order = a_placed_order(a_user_id())
    assert an_order_write(order).event.id != an_order_write(order).event.id


def test_an_order_that_nobody_changed_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="nothing"):
        an_order_write(Order.restore(a_placed_order(a_user_id()).state))
