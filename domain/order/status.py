"""The lifecycle of an order."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class OrderStatus(StrEnum):
    """The statuses of an order, in the order in which it may reach them."""

    PENDING = "PENDING"
    PAID = "PAID"
    SHIPPED = "SHIPPED"
    CANCELED = "CANCELED"

    @property
    def next(self) -> tuple["OrderStatus", ...]:
        """The statuses that may follow this one; none if it is final."""
        return _NEXT[self]


#: The whole lifecycle. The API's `next_statuses`, the 409's body, the diagram in the docs and the
#: tests' model are read from here; the database's trigger is compared with it by a test. It has no
#: circle, so that an order is written a bounded number of times.
TRANSITIONS: Final[Mapping[OrderStatus, frozenset[OrderStatus]]] = MappingProxyType(
    {
        OrderStatus.PENDING: frozenset({OrderStatus.PAID, OrderStatus.CANCELED}),
        OrderStatus.PAID: frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELED}),
        OrderStatus.SHIPPED: frozenset(),
        OrderStatus.CANCELED: frozenset(),
    }
)

#: The same in the order of the statuses, made once: it stands in every order that is shown.
_NEXT: Final = {
    status: tuple(later for later in OrderStatus if later in TRANSITIONS[status])
    for status in OrderStatus
}


def _most_steps_from(status: OrderStatus) -> int:
    return max((1 + _most_steps_from(following) for following in status.next), default=0)


#: The steps of the longest way through the lifecycle.
MAX_STEPS: Final = _most_steps_from(OrderStatus.PENDING)


def describe_lifecycle() -> str:
    """Return the lifecycle as sentences, for the API's documents."""
    steps = [f"{status} may become {' or '.join(status.next)}." for status in _NEXT if status.next]
    final = " and ".join(status for status in _NEXT if not status.next)
    return " ".join([*steps, f"{final} are final."])
