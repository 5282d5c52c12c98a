"""Storing orders, and transactions that read an order before they write it."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.documents import OrderWrite
from application.ports.orders import OrderRepository
from domain.ids import OrderId
from domain.order.events import Outcome


class ProcessedMessages(Protocol):
    """The inbox: the messages that each consumer has processed.

    The id of a message is its event's. The processing of orders is the exception: an order may be
    handed over by several messages, so its id is the order's.
    """

    async def add(self, consumer: str, message_id: UUID, now: datetime) -> bool:
        """Add a message; return False if another transaction has added and committed it.

        A concurrent transaction that has added it is waited for.
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
