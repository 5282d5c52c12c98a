"""Read all data of an account in memory."""

from asyncio import sleep
from collections.abc import Sequence

from adapters.memory.storage import MemoryStorage
from application.ports.export import ExportedOrder
from application.ports.sessions import Session
from domain.ids import OrderId, SessionId, UserId


class MemoryExportReader:
    """`ExportReader` in memory."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage

    async def sessions(
        self, user_id: UserId, after: SessionId | None, limit: int
    ) -> Sequence[Session]:
        """Return at most `limit` sessions with ids after `after`."""
        await sleep(0)
        found = sorted(self._storage.sessions.values(), key=lambda session: session.id)
        own = [each for each in found if each.user_id == user_id]
        return [each for each in own if after is None or each.id > after][:limit]

    async def orders(
        self, user_id: UserId, after: OrderId | None, limit: int
    ) -> Sequence[ExportedOrder]:
        """Return at most `limit` orders with ids after `after`."""
        await sleep(0)
        newest_first = list(self._storage.orders.newest_first(user_id, None, None))
        behind = [
            stored for stored in reversed(newest_first) if after is None or stored.record.id > after
        ]
        return [
            ExportedOrder(stored.record.id, stored.document, stored.steps)
            for stored in behind[:limit]
        ]
