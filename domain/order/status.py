"""The lifecycle of an order."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class OrderStatus(StrEnum):
    """How far an order has come, in the order in which it may get there."""

    PENDING = "PENDING"
    PAID = "PAID"
    SHIPPED = "SHIPPED"
    CANCELED = "CANCELED"

    @property
    def next(self) -> tuple["OrderStatus", ...]:
        """The statuses that may follow this one; none behind a final one."""
        return _NEXT[self]


#: The whole lifecycle. The API's `next_statuses`, the 409's body, the diagram in the docs and the
#: tests' model are read from here; the database's trigger is compared with it by a test.
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
