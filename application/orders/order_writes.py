"""The only way to write orders. It also handles everything that has to happen after a write."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from application.delivery.topics import PROCESSING
from application.documents import OrderDocument, OrderWrite
from application.errors import ConcurrentUpdate
from application.ports.events import RelayWakeup
from application.ports.idempotency import IdempotencyKey, IdempotencyRecord
from application.ports.orders import ChangeRenderer, OrderCache
from application.ports.transaction import Completion, OrderStorage, Transaction
from domain.ids import OrderId
from domain.order.events import Outcome
from domain.order.order import Order, OrderChange
from domain.order.status import MAX_STEPS

P = ParamSpec("P")
Result = TypeVar("Result")

#: Once created, an order is written at most once per step in its lifecycle and once more when it's
#: processed. A race can only be lost to one of these writes, so after that many lost races there is
#: nothing left that the next attempt could collide with.
ATTEMPTS: Final = MAX_STEPS + 2


def retry_lost_races(write: Callable[P, Awaitable[Result]]) -> Callable[P, Awaitable[Result]]:
    """Decorate `write` to start over after each `ConcurrentUpdate`.

    Raises:
        ConcurrentUpdate: all `ATTEMPTS` lost a race.
    """

    @wraps(write)
    async def retried(*args: P.args, **kwargs: P.kwargs) -> Result:
        for _ in range(ATTEMPTS - 1):
            try:
                return await write(*args, **kwargs)
            except ConcurrentUpdate:
                continue
        return await write(*args, **kwargs)

    return retried


@dataclass(slots=True)
class OrderTransaction:
    """A transaction for a single order: get it, decide, then commit the change.

    Everything is rolled back if you leave the transaction without calling `commit`.
    """

    _transaction: Transaction
    _renderer: ChangeRenderer
    committed: OrderWrite | None = None
    kept: tuple[OrderId, OrderDocument] | None = None

    async def get(self, order_id: OrderId) -> Order:
        """Return the order, including the last committed write.

        Raises:
            OrderNotFound: the order does not exist.
        """
        return await self._transaction.orders.get(order_id)

    async def commit(self, change: OrderChange) -> OrderDocument:
        """Store the change and commit the transaction. The change is durable on return.

        Raises:
            ConcurrentUpdate: another write was faster, and nothing has been stored.
        """
        write = self._renderer.render(change)
        await self._transaction.orders.save(write)
        await self._transaction.commit()
        self.committed = write
        return write.document

    def keep(self, order: Order) -> OrderDocument:
        """Return the document of an order that needs no change.

        It is also written to the cache. If this request repeats one whose process died between its
        commit and its cache write, the cache still has the previous revision.
        """
        document = self._renderer.document(order)
        self.kept = order.id, document
        return document


class OrderWrites:
    """Store changes to orders, then wake the relay and refresh the cache after each commit.

    Use cases can't forget any of these steps because there is no other way to write an order.
    """

    def __init__(
        self,
        storage: OrderStorage,
        renderer: ChangeRenderer,
        cache: OrderCache,
        relay_wakeup: RelayWakeup,
    ) -> None:
        self._storage = storage
        self._renderer = renderer
        self._cache = cache
        self._relay_wakeup = relay_wakeup

    async def add(self, change: OrderChange) -> OrderDocument:
        """Store a new order. It's durable and cached on return.

        Raises:
            ReferenceTaken: the owner has another order with this reference.
            Unavailable: the storage is unreachable. The order may or may not have been stored.
        """
        write = self._renderer.render(change)
        # The lease has to be reserved before the order is stored. That way, any change made in
        # between ends it.
        lease = self._cache.reserve(change.order.id)
        await self._storage.add(write)
        self._follow_up(write, lease)
        return write.document

    async def add_once(self, change: OrderChange, key: IdempotencyKey) -> IdempotencyRecord:
        """Store a new order like `add`, unless its key is taken. Return the key's record.

        Raises:
            IdempotencyInProgress: another call with this key is still running.
            ReferenceTaken: the owner has another order with this reference.
            Unavailable: the storage is unreachable. The order may or may not have been stored.
        """
        order, write = change.order, self._renderer.render(change)
        record = IdempotencyRecord(order.owner, key, order.id, write.document.body)
        lease = self._cache.reserve(order.id)
        found = await self._storage.add_once(write, record)
        if found == record:
            self._follow_up(write, lease)
        return found

    async def get(self, order_id: OrderId) -> Order:
        """Return the order, including the last committed write.

        Raises:
            OrderNotFound: the order does not exist.
            Unavailable: the storage is unreachable.
        """
        async with self._storage.begin() as transaction:
            return await transaction.orders.get(order_id)

    async def complete(self, change: OrderChange, outcome: Outcome) -> bool:
        """Store a processed order with its effect. Return False if this was done before.

        Raises:
            ConcurrentUpdate: another write was faster, and nothing has been stored.
            Unavailable: the storage is unreachable. The order may or may not have been stored.
        """
        write = self._renderer.render(change)
        is_new = await self._storage.complete(Completion(PROCESSING, write, outcome))
        if is_new:
            await self._refresh(write)
        return is_new

    def _follow_up(self, write: OrderWrite, lease: str | None) -> None:
        self._relay_wakeup.notify()
        if lease is not None:
            self._cache.offer(write.record.id, write.document, lease)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[OrderTransaction]:
        """Begin a transaction. The relay and the cache are updated when the block exits."""
        async with self._storage.begin() as transaction:
            order_transaction = OrderTransaction(transaction, self._renderer)
            yield order_transaction
        write = order_transaction.committed
        if write is not None:
            await self._refresh(write)
        elif order_transaction.kept is not None:
            await self._cache.put(*order_transaction.kept)

    async def _refresh(self, write: OrderWrite) -> None:
        self._relay_wakeup.notify()
        await self._cache.put(write.record.id, write.document)
