from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, replace
from functools import partial
from typing import Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actor import SYSTEM
from domain.errors import IllegalTransition, VersionConflict
from domain.order.events import OrderPlaced, OrderProcessed, OrderStatusChanged, Outcome
from domain.order.order import Order, OrderState
from domain.order.status import TRANSITIONS, OrderStatus
from tests.unit.domain.orders import (
    ALICE,
    LATER,
    LINES,
    NOW,
    ORDER_ID,
    OWNER,
    STAFF,
    a_new_order,
    an_order,
    saved,
)

PENDING, PAID, SHIPPED, CANCELED = OrderStatus

#: What comes of asking an order in the status of the row for the status of the column.
MATRIX: Final[Mapping[OrderStatus, tuple[str, str, str, str]]] = {
    #           PENDING    PAID       SHIPPED    CANCELED
    PENDING: ("stays", "moves", "refused", "moves"),
    PAID: ("refused", "stays", "moves", "moves"),
    SHIPPED: ("refused", "refused", "stays", "refused"),
    CANCELED: ("refused", "refused", "refused", "stays"),
}
CELLS: Final = [
    pytest.param(current, wanted, outcome, id=f"{current}-{outcome}-{wanted}")
    for current, row in MATRIX.items()
    for wanted, outcome in zip(OrderStatus, row, strict=True)
]
PATHS: Final = [(), (PAID,), (CANCELED,), (PAID, SHIPPED), (PAID, CANCELED)]


def test_a_new_order_is_pending_at_version_1_and_records_who_placed_it() -> None:
    order = a_new_order()
    assert order.id == ORDER_ID
    assert order.event == OrderPlaced(OWNER, NOW)
    assert order.state == OrderState(
        id=ORDER_ID,
        owner=ALICE,
        reference="her-1",
        lines=LINES,
        status=PENDING,
        version=1,
        revision=1,
        created_at=NOW,
        updated_at=NOW,
        processed_at=None,
    )


@pytest.mark.parametrize("processed", [False, True])
@pytest.mark.parametrize("status", OrderStatus)
def test_an_order_from_storage_is_as_it_was_and_records_nothing(
    status: OrderStatus, *, processed: bool
) -> None:
    state = an_order(status, processed=processed).state
    order = Order.restore(state)
    assert order.state is state
    assert order.event is None
    assert order.is_processed is processed


@pytest.mark.parametrize("processed", [False, True])
@pytest.mark.parametrize(("current", "wanted", "outcome"), CELLS)
def test_every_move_from_every_status(
    current: OrderStatus, wanted: OrderStatus, outcome: str, *, processed: bool
) -> None:
    order = an_order(current, processed=processed)
    before = order.state
    if outcome == "refused":
        with pytest.raises(IllegalTransition) as refused:
            order.move_to(wanted, OWNER, None, LATER)
        assert (refused.value.current, refused.value.allowed) == (current, current.next)
    else:
        order.move_to(wanted, OWNER, "because", LATER)
    if outcome == "moves":
        assert order.event == OrderStatusChanged(current, wanted, OWNER, "because", LATER)
        assert order.state == replace(
            before, status=wanted, version=2, revision=2, updated_at=LATER
        )
    else:
        assert order.event is None
        assert order.state is before


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (PENDING, Outcome.FULFILLED),
        (PAID, Outcome.FULFILLED),
        (SHIPPED, Outcome.FULFILLED),
        (CANCELED, Outcome.SKIPPED),
    ],
)
def test_processing_is_a_write_but_no_step_and_skips_what_was_canceled(
    status: OrderStatus, outcome: Outcome
) -> None:
    order = an_order(status)
    before = order.state
    assert order.outcome_if_processed_now is outcome
    assert order.finish_processing(LATER) is outcome
    assert order.event == OrderProcessed(outcome, LATER)
    assert order.state == replace(before, revision=2, updated_at=LATER, processed_at=LATER)
    assert order.is_processed


@pytest.mark.parametrize("status", OrderStatus)
def test_an_order_is_never_processed_twice(status: OrderStatus) -> None:
    order = an_order(status, processed=True)
    with pytest.raises(ValueError, match=f"{ORDER_ID} is processed already"):
        order.finish_processing(LATER)
    assert order.event is None
    assert order.state.revision == 1


def pay(order: Order) -> None:
    order.move_to(PAID, OWNER, None, LATER)


def cancel(order: Order) -> None:
    order.move_to(CANCELED, OWNER, None, LATER)


def process(order: Order) -> None:
    order.finish_processing(LATER)


def written_by(write: Callable[[Order], None]) -> Order:
    order = an_order()
    write(order)
    return order


@pytest.mark.parametrize("second", [cancel, process])
@pytest.mark.parametrize("first", [a_new_order, partial(written_by, pay)])
def test_a_second_write_before_the_first_is_saved_is_a_bug(
    first: Callable[[], Order], second: Callable[[Order], None]
) -> None:
    order = first()
    state, event = order.state, order.event
    with pytest.raises(ValueError, match="save it first"):
        second(order)
    assert order.state is state
    assert order.event is event
    second(saved(order))


def test_a_move_straight_behind_processing_is_saved_apart_from_it() -> None:
    order = written_by(process)
    with pytest.raises(ValueError, match="save it first"):
        pay(order)
    pay(saved(order))


@pytest.mark.parametrize(
    ("path", "processed_after"),
    [(path, after) for path in PATHS for after in [None, *range(len(path) + 1)]],
)
def test_version_counts_steps_and_revision_counts_writes_over_every_path(
    path: tuple[OrderStatus, ...], processed_after: int | None
) -> None:
    order = saved(a_new_order())
    for steps in range(len(path) + 1):
        if steps:
            order.move_to(path[steps - 1], STAFF, None, LATER)
            order = saved(order)
        if steps == processed_after:
            order.finish_processing(LATER)
            order = saved(order)
    assert order.state.version == 1 + len(path)
    assert order.state.revision == 1 + len(path) + (processed_after is not None)
    assert order.is_processed is (processed_after is not None)
    assert order.state.created_at == NOW


@given(st.lists(st.sampled_from([*OrderStatus, "process"]), max_size=12))
def test_whatever_is_tried_in_whatever_order_the_books_add_up(
    tries: list[OrderStatus | Literal["process"]],
) -> None:
    order, history, writes = saved(a_new_order()), [PENDING], 0
    for each in tries:
        before = order.state
        try:
            if isinstance(each, OrderStatus):
                order.move_to(each, SYSTEM, None, LATER)
            else:
                order.finish_processing(LATER)
        except (IllegalTransition, ValueError):
            assert order.state is before
        writes += order.event is not None
        if order.state.status is not before.status:
            assert order.state.status in TRANSITIONS[before.status]
            history.append(order.state.status)
        order = saved(order)
        assert order.state.version == len(history)
        assert order.state.revision == 1 + writes
    assert tuple(history[1:]) in PATHS  # none goes on behind a final status


@pytest.mark.parametrize(
    ("accepted", "fine"),
    [
        (None, True),
        (frozenset({1}), True),
        (frozenset({7, 1}), True),
        (frozenset({2}), False),
        (frozenset[int](), False),
    ],
)
def test_a_change_is_held_to_the_versions_that_it_was_decided_on(
    accepted: frozenset[int] | None, *, fine: bool
) -> None:
    if fine:
        an_order().ensure_version(accepted)
    else:
        with pytest.raises(VersionConflict, match="version 1"):
            an_order().ensure_version(accepted)


def test_nobody_changes_an_order_behind_its_back() -> None:
    order = an_order()
    for name in ("id", "state", "event", "status"):
        with pytest.raises(AttributeError):
            setattr(order, name, None)
    with pytest.raises(FrozenInstanceError):
        order.state.status = PAID  # type: ignore[misc] # on purpose
