"""Changing an order's status."""

from dataclasses import dataclass

from application.documents import OrderDocument
from application.ports.events import OutboxBell
from application.ports.orders import OrderCache, OrderRenderer
from application.ports.system import Clock
from application.ports.transaction import UnitOfWork
from application.write_order import OrderWriter
from domain.actor import Actor
from domain.ids import OrderId
from domain.policy import StatusPolicy
from domain.status import OrderStatus


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """`actor` wants the order to have this status, if its version is an accepted one."""

    order_id: OrderId
    status: OrderStatus
    actor: Actor
    reason: str | None = None
    accepted_versions: frozenset[int] | None = None  # None: any


class ChangeOrderStatus:
    """Move an order along its lifecycle.

    - With accepted versions, only if the order has one of them.
    - The owner, or staff, as the status policy says.
    - Asking for the status that it has already changes nothing.

    Raises:
        OrderNotFound, VersionConflict, StatusForbidden, IllegalTransition: in this order.
        ConcurrentUpdate: another writer came first; ask again (`application.retrying`).
    """

    def __init__(
        self,
        begin: UnitOfWork,
        policy: StatusPolicy,
        cache: OrderCache,
        renderer: OrderRenderer,
        writer: OrderWriter,
        bell: OutboxBell,
        clock: Clock,
    ) -> None:
        self._begin = begin
        self._policy = policy
        self._cache = cache
        self._renderer = renderer
        self._writer = writer
        self._bell = bell
        self._clock = clock

    async def __call__(self, command: ChangeStatus) -> OrderDocument:
        """Change the status."""
        async with self._begin() as tx:
            order = await tx.orders.get(command.order_id, command.actor)
            order.ensure_version(command.accepted_versions)
            self._policy.ensure_may(command.actor, order, command.status)
            order.move_to(command.status, command.actor, command.reason, self._clock.now())
            if order.event is None:
                return self._renderer.document(self._renderer.record(order))
            write = self._writer.write(order)
            await tx.orders.save(write)
            await tx.commit()
        self._bell.ring()
        await self._cache.put(order.id, write.document)
        return write.document
