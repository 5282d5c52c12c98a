import pytest

from domain.order.status import TRANSITIONS, OrderStatus

PENDING, PAID, SHIPPED, CANCELED = OrderStatus


@pytest.mark.parametrize(
    ("status", "following"),
    [
        (PENDING, (PAID, CANCELED)),
        (PAID, (SHIPPED, CANCELED)),
        (SHIPPED, ()),
        (CANCELED, ()),
    ],
)
def test_the_lifecycle_is_the_one_that_was_promised(
    status: OrderStatus, following: tuple[OrderStatus, ...]
) -> None:
    assert status.next == following
    assert TRANSITIONS[status] == set(following)


def test_the_lifecycle_knows_every_status_and_is_written_in_capitals() -> None:
    assert set(TRANSITIONS) == set(OrderStatus)
    assert [str(status) for status in OrderStatus] == ["PENDING", "PAID", "SHIPPED", "CANCELED"]
