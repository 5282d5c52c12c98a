from dataclasses import FrozenInstanceError, replace
from typing import Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actor import SYSTEM
from domain.errors import IllegalTransition, VersionConflict
from domain.order.events import OrderPlaced, OrderProcessed, OrderStatusChanged, Outcome
from domain.order.history import Step
from domain.order.order import Order, OrderChange
from domain.order.status import MAX_STEPS, TRANSITIONS, OrderStatus
from tests.unit.domain.orders import (
    ALICE,
    CANCELED,
    LATER,
    LINES,
    NOW,
    ORDER_ID,
    OWNER,
    PAID,
    PENDING,
    STAFF,
    a_placed_order,
    an_order,
)

Path = tuple[OrderStatus, ...]


def paths_from(status: OrderStatus) -> list[Path]:
    """Return all paths that start at this status, of any length."""
    return [(), *((after, *path) for after in status.next for path in paths_from(after))]


PATHS: Final = paths_from(PENDING)


def test_a_new_order_is_pending_at_version_1_and_records_who_placed_it() -> None:
    order = Order(
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
    step = Step(1, None, PENDING, OWNER, None, NOW)
    assert a_placed_order() == OrderChange(order, OrderPlaced(OWNER, NOW), step)


@pytest.mark.parametrize("processed", [False, True])
@pytest.mark.parametrize("wanted", OrderStatus)
@pytest.mark.parametrize("current", OrderStatus)
def test_an_order_moves_as_the_lifecycle_allows(
    current: OrderStatus, wanted: OrderStatus, *, processed: bool
) -> None:
    order = an_order(current, processed=processed)
    if wanted is current:
        assert order.move_to(wanted, OWNER, "again", LATER) is None
    elif wanted in TRANSITIONS[current]:
        assert order.move_to(wanted, OWNER, "because", LATER) == OrderChange(
            replace(order, status=wanted, version=2, revision=2, updated_at=LATER),
            OrderStatusChanged(current, wanted, OWNER, "because", LATER),
            Step(2, current, wanted, OWNER, "because", LATER),
        )
    else:
        with pytest.raises(IllegalTransition) as refused:
            order.move_to(wanted, OWNER, None, LATER)
        assert (refused.value.current, refused.value.allowed) == (current, current.next)


@pytest.mark.parametrize("status", OrderStatus)
def test_processing_is_a_write_without_a_step_and_skips_a_canceled_order(
    status: OrderStatus,
) -> None:
    order = an_order(status)
    outcome = Outcome.SKIPPED if status is CANCELED else Outcome.FULFILLED
    assert order.outcome_if_processed_now is outcome
    change = order.finish_processing(LATER)
    assert change == OrderChange(
        replace(order, revision=2, updated_at=LATER, processed_at=LATER),
        OrderProcessed(outcome, LATER),
        None,
    )
    assert change.order.is_processed


@pytest.mark.parametrize("status", OrderStatus)
def test_an_order_is_never_processed_twice(status: OrderStatus) -> None:
    order = an_order(status, processed=True)
    with pytest.raises(ValueError, match=f"{ORDER_ID} is processed already"):
        order.finish_processing(LATER)


@pytest.mark.parametrize(
    ("path", "processed_after"),
    [(path, after) for path in PATHS for after in [None, *range(len(path) + 1)]],
)
def test_version_counts_steps_and_revision_counts_writes_over_every_path(
    path: Path, processed_after: int | None
) -> None:
    order = a_placed_order().order
    for steps in range(len(path) + 1):
        if steps:
            change = order.move_to(path[steps - 1], STAFF, None, LATER)
            assert change is not None
            order = change.order
        if steps == processed_after:
            order = order.finish_processing(LATER).order
    assert order.version == 1 + len(path)
    assert order.revision == 1 + len(path) + (processed_after is not None)
    assert order.is_processed is (processed_after is not None)
    assert order.created_at == NOW


def test_the_longest_path_has_the_maximum_of_steps() -> None:
    assert max(map(len, PATHS)) == MAX_STEPS


@given(st.lists(st.sampled_from([*OrderStatus, "process"]), max_size=12))
def test_version_and_revision_are_right_after_any_sequence_of_attempts(
    tries: list[OrderStatus | Literal["process"]],
) -> None:
    order, history, writes = a_placed_order().order, [PENDING], 1
    for each in tries:
        change: OrderChange | None = None
        try:
            if isinstance(each, OrderStatus):
                change = order.move_to(each, SYSTEM, None, LATER)
            else:
                change = order.finish_processing(LATER)
        except (IllegalTransition, ValueError):
            continue
        if change is not None:
            writes += 1
            history += [change.step.after] if change.step else []
            order = change.order
        assert (order.status, order.version, order.revision) == (history[-1], len(history), writes)
    assert tuple(history[1:]) in PATHS  # in particular, paths end at a final status


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
def test_a_change_requires_an_accepted_version(
    accepted: frozenset[int] | None, *, fine: bool
) -> None:
    if fine:
        an_order().ensure_version(accepted)
    else:
        with pytest.raises(VersionConflict, match="version 1"):
            an_order().ensure_version(accepted)


def test_an_order_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        an_order().status = PAID  # type: ignore[misc] # on purpose
