"""Who may set an order's status."""

from enum import StrEnum

from domain.actor import Actor, ActorKind
from domain.errors import StatusForbidden
from domain.order.order import Order
from domain.order.status import OrderStatus


class StatusPolicy(StrEnum):
    """What owners may do with their own orders. Staff may always change any order."""

    OWNER = "owner"  # every legal transition
    STAFF = "staff"  # only cancel

    def ensure_may(self, actor: Actor, order: Order, status: OrderStatus) -> None:
        """Let `actor` ask for `status`; the status that the order has already is nobody's secret.

        Raises:
            StatusForbidden: the policy leaves this step to staff.
        """
        if self is StatusPolicy.OWNER or actor.kind is not ActorKind.USER:
            return
        if status not in {OrderStatus.CANCELED, order.status}:
            raise StatusForbidden(f"Only staff may set {status}; you may cancel your order.")
