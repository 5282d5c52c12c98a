"""Replay published events."""

from collections.abc import AsyncIterator
from datetime import datetime

from application.ports.events import RelayWakeup
from application.ports.outbox_admin import OutboxAdmin, ReplayRequest
from domain.ids import OrderId


class ReplayEvents:
    """Request that events are published again, and wake the relay.

    Raises:
        Unavailable: the storage is unreachable. All methods can raise this.
    """

    def __init__(self, admin: OutboxAdmin, relay_wakeup: RelayWakeup) -> None:
        self._admin = admin
        self._relay_wakeup = relay_wakeup

    async def of_order(self, order_id: OrderId) -> ReplayRequest:
        """Replay an order's published events and put its parked events back."""
        request = await self._admin.replay_order(order_id)
        self._relay_wakeup.notify()
        return request

    async def since(self, moment: datetime) -> AsyncIterator[ReplayRequest]:
        """Replay all events first published at or after `moment`, and yield the running totals."""
        async for request in self._admin.replay_since(moment):
            yield request
        self._relay_wakeup.notify()

    async def parked(self) -> ReplayRequest:
        """Put all parked events back."""
        request = await self._admin.unpark_all()
        self._relay_wakeup.notify()
        return request
