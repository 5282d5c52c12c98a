"""Storing orders, and transactions that read an order before they write it."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from application.documents import OrderWrite
from application.ports.orders import OrderRepository
from domain.ids import OrderId
from domain.order.events import Outcome


class ProcessedMessages(Protocol):
    """Which orders' processing has been recorded: the guard of exactly once."""

    async def admit(self, order_id: OrderId, now: datetime) -> bool:
        """Whether this transaction is the one to record it.

        False where another transaction has committed it; one that is under way is waited for.
        """


class Effects(Protocol):
    """Records effects of processing. They have no unique key: the audit can find duplicates."""

    async def record(self, order_id: OrderId, outcome: Outcome, now: datetime) -> None:
        """Add an effect."""


class Transaction(Protocol):
    """All or nothing. Leaving it without `commit` rolls everything back."""

    @property
    def orders(self) -> OrderRepository:
        """The orders, seen and changed within the transaction."""

    @property
    def inbox(self) -> ProcessedMessages:
        """The inbox, within the transaction."""

    @property
    def effects(self) -> Effects:
        """The effects, within the transaction."""

    async def commit(self) -> None:
        """Make everything durable; return when it is.

        Raises:
            ConcurrentUpdate: another transaction has committed first; nothing was stored.
        """


class OrderStorage(Protocol):
    """The two ways to store orders: new ones at once, changes in a transaction."""

    async def add(self, write: OrderWrite) -> None:
        """Store a new order with its first step and its event; return when all are durable.

        Concurrent calls may share a transaction; one that is refused takes no other with it.

        Raises:
            ReferenceTaken: the owner has another order with this reference.
            Unavailable: the storage is out of reach; whether the order was stored is not known.
        """

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction.

        Raises:
            Unavailable: (on entering, or at any call) the storage is out of reach.
        """
