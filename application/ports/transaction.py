"""Storing orders, including transactions that read an order before changing it."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.documents import OrderWrite
from application.ports.idempotency import IdempotencyRecord
from application.ports.orders import OrderRepository
from domain.ids import OrderId
from domain.order.events import Outcome


class ProcessedMessages(Protocol):
    """The inbox, which contains the messages that each consumer has processed.

    A message's id is the id of its event. Order processing is an exception: it uses the order's id,
    because several messages may hand over the same order.
    """

    async def add(self, consumer: str, message_id: UUID, now: datetime) -> bool:
        """Add a message, or return False if another transaction has committed it already.

        If a concurrent transaction has added the message, wait until that transaction ends.
        """


class Effects(Protocol):
    """Records effects of processing. There's no unique key, so the audit can find duplicates."""

    async def record(self, order_id: OrderId, outcome: Outcome, now: datetime) -> None:
        """Record an effect."""


class Transaction(Protocol):
    """An atomic transaction. If you leave it without calling `commit`, it's rolled back."""

    @property
    def orders(self) -> OrderRepository:
        """The orders within this transaction."""

    @property
    def inbox(self) -> ProcessedMessages:
        """The inbox within this transaction."""

    @property
    def effects(self) -> Effects:
        """The effects within this transaction."""

    async def commit(self) -> None:
        """Commit the transaction. Everything is durable on return.

        Raises:
            ConcurrentUpdate: another transaction committed first, and nothing has been stored.
        """


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of an order's processing: the write, and what is recorded together with it.

    The consumer's message has the same id as the order.
    """

    consumer: str
    write: OrderWrite
    outcome: Outcome


class OrderStorage(Protocol):
    """Stores new and processed orders with a single call, and other changes in a transaction."""

    async def add(self, write: OrderWrite) -> None:
        """Store a new order with its first step and its event. All are durable on return.

        Concurrent calls may share a transaction, but if one of them is rejected, this doesn't
        affect the others.

        Raises:
            ReferenceTaken: the owner has another order with this reference.
            Unavailable: the storage is unreachable. The order may or may not have been stored.
        """

    async def add_once(self, write: OrderWrite, record: IdempotencyRecord) -> IdempotencyRecord:
        """Like `add`, but store the order together with its record unless the key is taken.

        Return the record that the owner's key has afterwards: either this one, or that of an order
        that was stored less than `KEY_LIFETIME` ago. If a concurrent call for the key is running,
        wait for its outcome for up to 2 s. Calls for other keys are not delayed.

        Raises:
            IdempotencyInProgress: the concurrent call is still running.
            ReferenceTaken: the owner has another order with this reference. The key stays free.
            Unavailable: the storage is unreachable. The order may or may not have been stored.
        """

    async def complete(self, completion: Completion) -> bool:
        """Store a processed order with its inbox row, its effect and its event, or nothing.

        All are durable on return. Return False if the consumer's inbox already has the order.
        Concurrent calls may share a transaction, but if one of them is rejected, this doesn't
        affect the others.

        Raises:
            ConcurrentUpdate: the write isn't based on the order's current revision, or the order
                doesn't exist. Nothing has been stored.
            Unavailable: the storage is unreachable. The order may or may not have been stored.
        """

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction. Concurrent transactions may share their first read.

        Raises:
            Unavailable: the storage is unreachable. This can be raised when entering the context or
                by any method of the transaction.
        """
