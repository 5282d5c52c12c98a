"""One transaction over an order, for what reads before it writes."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

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
    """The effects of processing, one row each. No unique key: the audit must be able to fail."""

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
        """The ledger of effects, within the transaction."""

    async def commit(self) -> None:
        """Make everything durable; return when it is.

        Raises:
            ConcurrentUpdate: another transaction got there first; nothing was stored.
        """


class UnitOfWork(Protocol):
    """Begins transactions."""

    def __call__(self) -> AbstractAsyncContextManager[Transaction]:
        """A new transaction.

        Raises:
            Unavailable: (on entering, or at any call) the storage is out of reach.
        """
