from domain.order.history import Step
from tests.unit.domain.orders import (
    LATER,
    NOW,
    OWNER,
    PAID,
    PENDING,
    SHIPPED,
    STAFF,
    a_placed_order,
    an_order,
)


def test_creation_is_the_first_step_and_has_no_status_before() -> None:
    assert a_placed_order().step == Step(1, None, PENDING, OWNER, None, NOW)


def test_each_move_is_a_step_with_its_actor_reason_and_time() -> None:
    paid = an_order().move_to(PAID, OWNER, "by card", LATER)
    assert paid is not None
    assert paid.step == Step(2, PENDING, PAID, OWNER, "by card", LATER)
    shipped = paid.order.move_to(SHIPPED, STAFF, None, LATER)
    assert shipped is not None
    assert shipped.step == Step(3, PAID, SHIPPED, STAFF, None, LATER)


def test_processing_is_not_a_step() -> None:
    assert an_order().finish_processing(LATER).step is None
