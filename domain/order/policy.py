"""Permissions to set an order's status."""

from enum import StrEnum

from domain.actor import Actor, ActorKind
from domain.errors import StatusForbidden
from domain.order.order import Order
from domain.order.status import OrderStatus


class StatusPolicy(StrEnum):
    """The moves that owners may make with their own orders. Staff may make every legal move."""

    OWNER = "owner"  # every legal transition
    STAFF = "staff"  # only cancel

    def ensure_may(self, actor: Actor, order: Order, status: OrderStatus) -> None:
        """Raise if `actor` may not set `status`. The present status is always permitted.

        Raises:
            StatusForbidden: the policy reserves this step for staff.
        """
        if self is StatusPolicy.OWNER or actor.kind is not ActorKind.USER:
            return
        if status not in {OrderStatus.CANCELED, order.status}:
            raise StatusForbidden(f"Only staff may set {status}; you may cancel your order.")
