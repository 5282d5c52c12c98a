"""Change an order's status."""

from dataclasses import dataclass

from application.documents import OrderDocument
from application.orders.order_writes import OrderWrites, retry_lost_races
from application.ports.system import Clock
from domain.actor import Actor
from domain.ids import OrderId
from domain.order.policy import StatusPolicy
from domain.order.status import OrderStatus


@dataclass(frozen=True, slots=True)
class ChangeStatusCommand:
    """A new status for an order, to be set only if the order has an accepted version."""

    order_id: OrderId
    status: OrderStatus
    actor: Actor
    reason: str | None = None
    accepted_versions: frozenset[int] | None = None  # None accepts any version


class ChangeStatus:
    """Move an order to another status in its lifecycle.

    The status policy decides which changes only staff may make. Setting the current status again
    doesn't change anything.

    Raises:
        OrderNotFound, VersionConflict, StatusForbidden, IllegalTransition: checked in this order.
        ConcurrentUpdate: every attempt lost a race (`retry_lost_races`).
    """

    def __init__(self, orders: OrderWrites, policy: StatusPolicy, clock: Clock) -> None:
        self._orders = orders
        self._policy = policy
        self._clock = clock

    @retry_lost_races
    async def __call__(self, command: ChangeStatusCommand) -> OrderDocument:
        """Change the status and return the order."""
        async with self._orders.begin() as tx:
            order = await tx.get(command.order_id)
            now = self._clock.now()
            command.actor.ensure_may_see(order.owner)
            order.ensure_version(command.accepted_versions)
            self._policy.ensure_may(command.actor, order, command.status)
            change = order.move_to(command.status, command.actor, command.reason, now)
            if change is None:
                return tx.keep(order)
            return await tx.commit(change)
