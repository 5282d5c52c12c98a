"""Store orders in memory."""

from asyncio import sleep
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.memory.storage import MemoryStorage
from adapters.memory.transaction import MemoryTransaction
from application.documents import OrderWrite
from application.ports.orders import OrderRenderer


class MemoryOrderStorage:
    """`OrderStorage` in memory."""

    def __init__(self, storage: MemoryStorage, renderer: OrderRenderer) -> None:
        self._storage = storage
        self._renderer = renderer

    async def add(self, write: OrderWrite) -> None:
        """Store a new order with its first step and its event.

        Raises:
            ReferenceTaken: the owner has another order with this reference.
        """
        await sleep(0)  # reveals races, because other tasks can run just like with a real storage
        self._storage.orders.insert(write)
        self._storage.outbox.add(write.event)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryTransaction]:
        """Begin a transaction. Leaving it without calling `commit` rolls it back."""
        transaction = MemoryTransaction(self._storage, self._renderer)
        try:
            yield transaction
        finally:
            transaction.inbox.release()
