"""Permission to change an order's status."""

from enum import StrEnum

from domain.actor import Actor, ActorKind
from domain.errors import StatusForbidden
from domain.order.order import Order
from domain.order.status import OrderStatus


class StatusPolicy(StrEnum):
    """The status changes that users may make to their own orders. Staff may make all of them."""

    OWNER = "owner"  # every legal transition
    STAFF = "staff"  # only cancel

    def ensure_may(self, actor: Actor, order: Order, status: OrderStatus) -> None:
        """Raise an error if `actor` may not set `status`. Setting the current one is always fine.

        Raises:
            StatusForbidden: only staff may make this change.
        """
        if self is StatusPolicy.OWNER or actor.kind is not ActorKind.USER:
            return
        if status not in {OrderStatus.CANCELED, order.status}:
            raise StatusForbidden(f"Only staff may set {status}. You may cancel your order.")
