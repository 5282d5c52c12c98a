"""The order lifecycle."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class OrderStatus(StrEnum):
    """The statuses of an order, in the sequence in which it can reach them."""

    PENDING = "PENDING"
    PAID = "PAID"
    SHIPPED = "SHIPPED"
    CANCELED = "CANCELED"

    @property
    def next(self) -> tuple["OrderStatus", ...]:
        """The statuses that can follow this one. Empty if it's final."""
        return _NEXT[self]


#: The whole lifecycle. The API's `next_statuses`, the body of a 409, the diagram in the docs and
#: the model in the tests are all derived from it. A test checks that the database trigger agrees.
#: It contains no cycles, which puts an upper limit on how often an order can change.
TRANSITIONS: Final[Mapping[OrderStatus, frozenset[OrderStatus]]] = MappingProxyType(
    {
        OrderStatus.PENDING: frozenset({OrderStatus.PAID, OrderStatus.CANCELED}),
        OrderStatus.PAID: frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELED}),
        OrderStatus.SHIPPED: frozenset(),
        OrderStatus.CANCELED: frozenset(),
    }
)

#: The same transitions, sorted by status. Computed once because every order response includes them.
_NEXT: Final = {
    status: tuple(later for later in OrderStatus if later in TRANSITIONS[status])
    for status in OrderStatus
}


def _most_steps_from(status: OrderStatus) -> int:
    return max((1 + _most_steps_from(following) for following in status.next), default=0)


#: The number of steps on the longest path through the lifecycle.
MAX_STEPS: Final = _most_steps_from(OrderStatus.PENDING)


def describe_lifecycle() -> str:
    """Describe the lifecycle in sentences for the API documentation."""
    steps = [f"{status} may become {' or '.join(status.next)}." for status in _NEXT if status.next]
    final = " and ".join(status for status in _NEXT if not status.next)
    return " ".join([*steps, f"{final} are final."])
