"""The values of new orders that are sent to PostgreSQL, each once or once per order."""

from dataclasses import replace

import pytest

from adapters.postgres.new_orders import row_of, shared_by
from application.documents import OrderWrite
from domain.actor import SYSTEM
from tests.support.orders import a_placed_order, a_user_id, rendered_write
from tests.support.time import NOW

WRITE = rendered_write(a_placed_order(a_user_id()))


def test_new_orders_share_all_values_that_are_not_in_their_rows() -> None:
    others = [rendered_write(a_placed_order(a_user_id())) for _ in range(3)]
    assert shared_by([WRITE, *others]) == shared_by([WRITE])


def test_a_value_that_is_not_shared_is_refused() -> None:
    other = replace(WRITE, event=replace(WRITE.event, topic="other"))
    with pytest.raises(ValueError, match="in common"):
        shared_by([WRITE, other])


@pytest.mark.parametrize(
    "write",
    [
        replace(WRITE, step=None),
        replace(WRITE, step=WRITE.step and replace(WRITE.step, by=SYSTEM)),
        replace(WRITE, record=WRITE.record._replace(processed_at=NOW)),
        replace(WRITE, record=WRITE.record._replace(updated_at=NOW.replace(year=2100))),
    ],
    ids=["no step", "not by its owner", "processed", "changed"],
)
def test_a_write_that_is_not_a_new_order_is_refused(write: OrderWrite) -> None:
    with pytest.raises(ValueError, match="a new order"):
        row_of(write)
