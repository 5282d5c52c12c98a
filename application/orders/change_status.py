"""Changing an order's status."""

from dataclasses import dataclass

from application.documents import OrderDocument
from application.orders.write_order import OrderWriter
from application.ports.events import RelayWakeup
from application.ports.orders import OrderCache, OrderRenderer
from application.ports.system import Clock
from application.ports.transaction import UnitOfWork
from domain.actor import Actor
from domain.ids import OrderId
from domain.order.policy import StatusPolicy
from domain.order.status import OrderStatus


@dataclass(frozen=True, slots=True)
class ChangeStatusCommand:
    """`actor` wants the order to have this status, if its version is an accepted one."""

    order_id: OrderId
    status: OrderStatus
    actor: Actor
    reason: str | None = None
    accepted_versions: frozenset[int] | None = None  # None: any


class ChangeStatus:
    """Move an order along its lifecycle.

    - With accepted versions, only if the order has one of them.
    - The owner, or staff, as the status policy says.
    - Asking for the status that it has already changes nothing.

    Raises:
        OrderNotFound, VersionConflict, StatusForbidden, IllegalTransition: in this order.
        ConcurrentUpdate: another writer came first; retry (`conflict_retry`).
    """

    def __init__(
        self,
        begin: UnitOfWork,
        policy: StatusPolicy,
        cache: OrderCache,
        renderer: OrderRenderer,
        writer: OrderWriter,
        relay_wakeup: RelayWakeup,
        clock: Clock,
    ) -> None:
        self._begin = begin
        self._policy = policy
        self._cache = cache
        self._renderer = renderer
        self._writer = writer
        self._relay_wakeup = relay_wakeup
        self._clock = clock

    async def __call__(self, command: ChangeStatusCommand) -> OrderDocument:
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
        self._relay_wakeup.notify()
        await self._cache.put(order.id, write.document)
        return write.document
