"""One transaction over an order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.records import COLUMNS, record_of, values_of, values_of_event
from adapters.postgres.tables import effects, inbox, order_history, orders, outbox
from application.documents import OrderWrite
from application.errors import ConcurrentUpdate
from application.ports.orders import OrderRenderer
from domain.actor import Actor
from domain.errors import OrderNotFound
from domain.events import Outcome
from domain.history import Step
from domain.ids import OrderId
from domain.order import Order


class PostgresOrderRepository:
    """`OrderRepository` within a transaction of PostgreSQL."""

    def __init__(self, connection: AsyncConnection, renderer: OrderRenderer) -> None:
        self._connection = connection
        self._renderer = renderer

    async def get(self, order_id: OrderId, visible_to: Actor) -> Order:
        """The order as the last committed write left it."""
        found = await self._connection.execute(select(orders).where(orders.c.id == order_id))
        row = found.mappings().one_or_none()
        if row is None or not visible_to.may_see(row["user_id"]):
            raise OrderNotFound
        return self._renderer.restore(record_of(row))

    async def save(self, write: OrderWrite) -> None:
        """Store the write, its step and its event, on commit."""
        record = write.record
        # Another writer's row lock is waited for here; its revision then tells who was first.
        saved = await self._connection.execute(
            update(orders)
            .where(orders.c.id == record.id, orders.c.revision == record.revision - 1)
            .values(dict(zip(COLUMNS, values_of(record), strict=True)))
        )
        if saved.rowcount != 1:
            raise ConcurrentUpdate
        if write.step is not None:
            await self._connection.execute(insert(order_history), _step(record.id, write.step))
        await self._connection.execute(insert(outbox), values_of_event(write.event))


def _step(order_id: OrderId, step: Step) -> dict[str, object]:
    return {
        "order_id": order_id,
        "version": step.version,
        "from_status": step.before,
        "to_status": step.after,
        "actor_kind": step.by.kind,
        "actor_id": step.by.id,
        "reason": step.reason,
        "at": step.at,
    }


class PostgresInbox:
    """`Inbox` within a transaction of PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def admit(self, order_id: OrderId, now: datetime) -> bool:
        """Whether this transaction is the one to record the order's processing."""
        # Only the inbox's own key may say "done"; any other failure is a failure.
        statement = insert_or_not(inbox).on_conflict_do_nothing(constraint="inbox_pkey")
        admitted = await self._connection.execute(
            statement, {"order_id": order_id, "admitted_at": now}
        )
        return admitted.rowcount == 1


class PostgresLedger:
    """`Ledger` within a transaction of PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def record(self, order_id: OrderId, outcome: Outcome, now: datetime) -> None:
        """Add an effect."""
        await self._connection.execute(
            insert(effects), {"order_id": order_id, "outcome": outcome, "at": now}
        )


class PostgresTransaction:
    """`Transaction` on one connection of PostgreSQL."""

    def __init__(self, connection: AsyncConnection, renderer: OrderRenderer) -> None:
        self._connection = connection
        self.orders = PostgresOrderRepository(connection, renderer)
        self.inbox = PostgresInbox(connection)
        self.ledger = PostgresLedger(connection)

    async def commit(self) -> None:
        """Make everything durable."""
        await self._connection.commit()


class PostgresUnitOfWork:
    """Begins transactions of PostgreSQL, at READ COMMITTED: the revision guards every write."""

    def __init__(self, database: Database, renderer: OrderRenderer) -> None:
        self._database = database
        self._renderer = renderer

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[PostgresTransaction]:
        """A new transaction; leaving it without `commit` rolls it back."""
        async with self._database.connection() as connection:
            yield PostgresTransaction(connection, self._renderer)
