"""Store orders in memory."""

from asyncio import sleep
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.memory.storage import MemoryStorage
from adapters.memory.transaction import MemoryTransaction
from application.documents import OrderWrite
from application.ports.idempotency import KEY_LIFETIME, IdempotencyRecord
from application.ports.orders import OrderRenderer
from application.ports.system import Clock
from application.ports.transaction import Completion


class MemoryOrderStorage:
    """`OrderStorage` in memory."""

    def __init__(self, storage: MemoryStorage, renderer: OrderRenderer, clock: Clock) -> None:
        self._storage = storage
        self._renderer = renderer
        self._clock = clock

    async def add(self, write: OrderWrite) -> None:
        """Store a new order with its first step and its event.

        Raises:
            ReferenceTaken: the owner has another order with this reference.
        """
        await sleep(0)  # reveals races, because other tasks can run just like with a real storage
        self._insert(write)

    async def add_once(self, write: OrderWrite, record: IdempotencyRecord) -> IdempotencyRecord:
        """Like `add`, but store the order together with its record unless the key is taken.

        Raises:
            ReferenceTaken: the owner has another order with this reference.
        """
        await sleep(0)
        now, key = self._clock.now(), (record.owner, record.key.text)
        stored = self._storage.idempotency_keys.get(key)
        if stored is not None and now < stored[1] + KEY_LIFETIME:
            return stored[0]
        self._insert(write)
        self._storage.idempotency_keys[key] = (record, now)
        return record

    async def complete(self, completion: Completion) -> bool:
        """Store a processed order with its inbox row, its effect and its event, or nothing.

        Raises:
            ConcurrentUpdate: the write isn't based on the order's current revision, or the order
                doesn't exist.
        """
        write, now = completion.write, completion.write.event.at
        async with self.begin() as tx:
            if not await tx.inbox.add(completion.consumer, write.record.id, now):
                return False
            await tx.effects.record(write.record.id, completion.outcome, now)
            await tx.orders.save(write)
            await tx.commit()
        return True

    def _insert(self, write: OrderWrite) -> None:
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
