"""The only way to write an order: everything that follows a write, and the retry of lost races."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from application.documents import OrderDocument, OrderWrite
from application.errors import ConcurrentUpdate
from application.ports.events import RelayWakeup
from application.ports.orders import ChangeRenderer, OrderCache
from application.ports.transaction import Effects, OrderStorage, ProcessedMessages, Transaction
from domain.ids import OrderId
from domain.order.order import Order, OrderChange
from domain.order.status import MAX_STEPS

P = ParamSpec("P")
Result = TypeVar("Result")

#: After its creation an order is written at most once for each step of its lifecycle, and once for
#: its processing. Each lost race is one of those writes, so the attempt after them meets no other
#: writer.
ATTEMPTS: Final = MAX_STEPS + 2


def retry_lost_races(write: Callable[P, Awaitable[Result]]) -> Callable[P, Awaitable[Result]]:
    """Return `write`, repeated from its beginning after each `ConcurrentUpdate`.

    Raises:
        ConcurrentUpdate: every one of the `ATTEMPTS` lost a race.
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
    """One transaction over one order: get it, decide, commit the change.

    Leaving it without `commit` rolls everything back.
    """

    _transaction: Transaction
    _renderer: ChangeRenderer
    committed: OrderWrite | None = None

    @property
    def inbox(self) -> ProcessedMessages:
        """The inbox, within the transaction."""
        return self._transaction.inbox

    @property
    def effects(self) -> Effects:
        """The effects of processing, within the transaction."""
        return self._transaction.effects

    async def get(self, order_id: OrderId) -> Order:
        """Return the order as the last committed write left it.

        Raises:
            OrderNotFound: there is no such order.
        """
        return await self._transaction.orders.get(order_id)

    async def commit(self, change: OrderChange) -> OrderDocument:
        """Store the change and commit the transaction; return when it is durable.

        Raises:
            ConcurrentUpdate: another write has come first; nothing is stored.
        """
        write = self._renderer.render(change)
        await self._transaction.orders.save(write)
        await self._transaction.commit()
        self.committed = write
        return write.document


class OrderWrites:
    """Store changes of orders, and wake the relay and refresh the cache after each commit.

    Use cases have no other way to write an order, so none can forget a part.
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
        """Store a new order; return when it is durable and cached.

        Raises:
            ReferenceTaken: the owner has another order with this reference.
            Unavailable: the storage is out of reach; whether the order was stored is not known.
        """
        write = self._renderer.render(change)
        # Reserved before the order is stored: a change that comes in between ends the lease.
        lease = self._cache.reserve(change.order.id)
        await self._storage.add(write)
        self._relay_wakeup.notify()
        if lease is not None:
            self._cache.offer(change.order.id, write.document, lease)
        return write.document

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[OrderTransaction]:
        """Begin a transaction. The wakeup and the cache follow when the block is left."""
        async with self._storage.begin() as transaction:
            order_transaction = OrderTransaction(transaction, self._renderer)
            yield order_transaction
        write = order_transaction.committed
        if write is not None:
            self._relay_wakeup.notify()
            await self._cache.put(write.record.id, write.document)

    def document(self, order: Order) -> OrderDocument:
        """Return the document of an order that was not changed."""
        return self._renderer.document(order)
