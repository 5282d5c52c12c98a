"""Transactions that check for conflicts and apply all writes when they commit."""

from asyncio import Event, sleep
from datetime import datetime
from uuid import UUID

from adapters.memory.inbox_table import Key
from adapters.memory.storage import Effect, MemoryStorage
from application.documents import OrderWrite
from application.ports.orders import OrderRenderer
from domain.errors import OrderNotFound
from domain.ids import OrderId
from domain.order.events import Outcome
from domain.order.order import Order


class _Orders:
    """Orders within a transaction. Its own writes don't become visible until it commits."""

    def __init__(self, storage: MemoryStorage, renderer: OrderRenderer) -> None:
        self._storage = storage
        self._renderer = renderer
        self._writes: list[OrderWrite] = []

    async def get(self, order_id: OrderId) -> Order:
        """Return the order, including the last committed write."""
        await sleep(0)
        stored = self._storage.orders.find(order_id)
        if stored is None:
            raise OrderNotFound
        return self._renderer.restore(stored.record)

    async def save(self, write: OrderWrite) -> None:
        """Store the write with its step and its event when the transaction commits."""
        await sleep(0)
        self._storage.orders.ensure_follows(write.record)
        self._writes.append(write)

    def check(self) -> None:
        for write in self._writes:
            self._storage.orders.ensure_follows(write.record)

    def apply(self) -> None:
        for write in self._writes:
            self._storage.orders.replace(write)
            self._storage.outbox.add(write.event)
            if write.record.processed_at is not None:
                self._storage.unprocessed.pop(write.record.id, None)
        self._writes.clear()


class _ProcessedMessages:
    """The inbox within a transaction."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self._added: set[Key] = set()
        self._ended = Event()

    async def add(
        self,
        consumer: str,
        message_id: UUID,
        now: datetime,  # noqa: ARG002 - from the port
    ) -> bool:
        """Add a message, or return False if another transaction has committed it already."""
        await sleep(0)
        key = (consumer, message_id)
        is_new = await self._storage.inbox.add(key, self._ended)
        if is_new:
            self._added.add(key)
        return is_new

    def apply(self) -> None:
        self._storage.inbox.commit(self._added)

    def release(self) -> None:
        self._storage.inbox.release(self._added)
        self._ended.set()


class _Effects:
    """Recorded effects within a transaction."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self._effects: list[Effect] = []

    async def record(self, order_id: OrderId, outcome: Outcome, now: datetime) -> None:
        """Record an effect."""
        self._effects.append(Effect(order_id, outcome, now))

    def apply(self) -> None:
        self._storage.effects.extend(self._effects)
        self._effects.clear()


class MemoryTransaction:
    """An atomic transaction."""

    def __init__(self, storage: MemoryStorage, renderer: OrderRenderer) -> None:
        self.orders = _Orders(storage, renderer)
        self.inbox = _ProcessedMessages(storage)
        self.effects = _Effects(storage)

    async def commit(self) -> None:
        """Make all changes visible to other transactions.

        Raises:
            ConcurrentUpdate: another transaction committed first, and nothing has been stored.
        """
        await sleep(0)
        self.orders.check()
        for part in (self.orders, self.inbox, self.effects):
            part.apply()
