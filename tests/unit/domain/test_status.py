import pytest

from domain.order.status import MAX_STEPS, TRANSITIONS, OrderStatus, describe_lifecycle
from tests.unit.domain.orders import CANCELED, PAID, PENDING, SHIPPED


@pytest.mark.parametrize(
    ("status", "following"),
    [
        (PENDING, (PAID, CANCELED)),
        (PAID, (SHIPPED, CANCELED)),
        (SHIPPED, ()),
        (CANCELED, ()),
    ],
)
def test_the_lifecycle_is_that_of_the_contract(
    status: OrderStatus, following: tuple[OrderStatus, ...]
) -> None:
    assert status.next == following
    assert TRANSITIONS[status] == set(following)


def test_the_table_has_every_status() -> None:
    assert set(TRANSITIONS) == set(OrderStatus)


def test_a_status_is_written_as_its_name() -> None:
    assert [str(status) for status in OrderStatus] == [status.name for status in OrderStatus]


def test_the_longest_path_is_paid_and_shipped() -> None:
    assert MAX_STEPS == 2


def test_the_lifecycle_is_described_in_sentences() -> None:
    assert describe_lifecycle() == (
        "PENDING may become PAID or CANCELED. PAID may become SHIPPED or CANCELED."
        " SHIPPED and CANCELED are final."
    )
