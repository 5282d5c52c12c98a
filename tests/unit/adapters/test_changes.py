from domain.order.history import Step
from tests.support.orders import (
    CHANGE_RENDERER,
    PAID,
    PENDING,
    RENDERER,
    STAFF,
    a_placed_order,
    a_user_id,
    rendered_write,
)
from tests.support.time import NOW


def test_record_document_and_event_of_a_write_have_the_same_order() -> None:
    order = (placed := a_placed_order(a_user_id())).order
    write = rendered_write(placed)
    assert write.record == RENDERER.record(order)
    assert write.document == RENDERER.document(write.record) == CHANGE_RENDERER.document(order)
    assert write.event.payload == write.document.body
    assert (write.event.subject, write.event.version, write.event.revision) == (order.id, 1, 1)


def test_a_write_contains_its_step() -> None:
    paid = a_placed_order(a_user_id()).order.move_to(PAID, STAFF, "by card", NOW)
    assert rendered_write(paid).step == Step(2, PENDING, PAID, STAFF, "by card", NOW)


def test_processing_writes_an_event_and_no_step() -> None:
    write = rendered_write(a_placed_order(a_user_id()).order.finish_processing(NOW))
    assert write.step is None
    assert (write.event.type, write.event.revision) == ("order.processed", 2)


def test_each_write_is_an_event_of_its_own() -> None:
    placed = a_placed_order(a_user_id())
    assert rendered_write(placed).event.id != rendered_write(placed).event.id
