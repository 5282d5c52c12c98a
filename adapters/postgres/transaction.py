"""Transactions that read and change an order."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from adapters.postgres.connection import Connection
from adapters.postgres.database import BEGIN_TIMEOUT_SECONDS, Database, within
from adapters.postgres.row_mapping import SELECT, record_of
from application.documents import OrderRecord, OrderWrite
from application.errors import ConcurrentUpdate
from application.ports.orders import OrderRenderer
from domain.errors import OrderNotFound
from domain.ids import OrderId
from domain.order.events import Outcome
from domain.order.order import Order

# If another transaction has locked the row, the UPDATE waits for it and then finds that the
# revision has changed. Using a single statement for the order, its step and its event only takes
# one round trip and makes this atomic.
_SAVE: Final = """
WITH saved AS (
    UPDATE orders SET status = $2::text, version = $3::int, revision = $4::int,
                      updated_at = $5::timestamptz, processed_at = $6::timestamptz
    WHERE id = $1::uuid AND revision = $4::int - 1
    RETURNING id
), stepped AS (
    INSERT INTO order_history (order_id, version, from_status, to_status, actor_kind, actor_id,
                               reason, at)
    SELECT id, $3::int, $7::text, $2::text, $8::text, $9::uuid, $10::text, $11::timestamptz
    FROM saved WHERE $8::text IS NOT NULL
), announced AS (
    INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at, traceparent)
    SELECT id, $4::int, $3::int, $12::uuid, $13::text, $14::text, $15::bytea, $16::timestamptz,
           $17::text
    FROM saved
)
SELECT count(*) FROM saved
"""
# Only a conflict with the inbox's own key means that the message has already been processed.
_ADD_MESSAGE: Final = """
INSERT INTO inbox (consumer, order_id, admitted_at) VALUES ($1, $2, $3)
ON CONFLICT ON CONSTRAINT inbox_pkey DO NOTHING
RETURNING true
"""
_RECORD: Final = "INSERT INTO effects (order_id, outcome, at) VALUES ($1, $2, $3)"
_NO_STEP: Final = (None,) * 5


#: Returns an order's record, or None if it does not exist. Concurrent calls share a statement.
FindRecord: TypeAlias = Callable[[OrderId], Awaitable[OrderRecord | None]]


class Session:
    """Borrows a connection at the first write, and begins a transaction on it.

    This saves a BEGIN and a COMMIT if a transaction only reads. With READ COMMITTED, it doesn't
    make a difference whether a read happens before or after BEGIN.
    """

    def __init__(self, database: Database, stack: AsyncExitStack) -> None:
        self._database = database
        self._stack = stack
        #: The borrowed connection, which the stack returns.
        self.connection: Connection | None = None

    async def begun(self) -> Connection:
        """Return the connection, in a transaction."""
        if self.connection is None:
            self.connection = await self._stack.enter_async_context(self._database.connection())
        if not self.connection.is_in_transaction():
            async with within(BEGIN_TIMEOUT_SECONDS):
                await self.connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        return self.connection

    async def commit(self) -> None:
        """Commit the transaction if it has begun."""
        if self.connection is not None:
            await self.connection.execute("COMMIT")

    async def roll_back(self) -> None:
        """Roll back the transaction unless it was committed or hasn't begun."""
        if self.connection is not None and self.connection.is_in_transaction():
            await self.connection.execute("ROLLBACK")


class PostgresOrderRepository:
    """`OrderRepository` within a PostgreSQL transaction."""

    def __init__(self, session: Session, renderer: OrderRenderer, find: FindRecord) -> None:
        self._session = session
        self._renderer = renderer
        self._find = find

    async def get(self, order_id: OrderId) -> Order:
        """Return the order, including the last committed write."""
        connection = self._session.connection
        if connection is None:
            record = await self._find(order_id)
        else:
            async with within(BEGIN_TIMEOUT_SECONDS):
                row = await connection.fetchrow(f"{SELECT} WHERE id = $1", order_id)
            record = row and record_of(row)
        if record is None:
            raise OrderNotFound
        return self._renderer.restore(record)

    async def save(self, write: OrderWrite) -> None:
        """Store the write with its step and its event when the transaction commits."""
        connection = await self._session.begun()
        if not await connection.fetchval(_SAVE, *_values(write)):
            raise ConcurrentUpdate


def _values(write: OrderWrite) -> tuple[Any, ...]:
    """Return the parameters for `_SAVE`."""
    record, step, event = write.record, write.step, write.event
    return (
        record.id,
        record.status,
        record.version,
        record.revision,
        record.updated_at,
        record.processed_at,
        *(
            _NO_STEP
            if step is None
            else (step.before, step.by.kind, step.by.id, step.reason, step.at)
        ),
        event.id,
        event.topic,
        event.type,
        event.payload,
        event.at,
        event.traceparent,
    )


class PostgresProcessedMessages:
    """`ProcessedMessages` within a PostgreSQL transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, consumer: str, message_id: UUID, now: datetime) -> bool:
        """Add a message, or return False if another transaction has committed it already."""
        connection = await self._session.begun()
        return bool(await connection.fetchval(_ADD_MESSAGE, consumer, message_id, now))


class PostgresEffects:
    """`Effects` within a PostgreSQL transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def record(self, order_id: OrderId, outcome: Outcome, now: datetime) -> None:
        """Record an effect."""
        connection = await self._session.begun()
        await connection.execute(_RECORD, order_id, outcome, now)


class PostgresTransaction:
    """`Transaction` in a PostgreSQL session."""

    def __init__(self, session: Session, renderer: OrderRenderer, find: FindRecord) -> None:
        self._session = session
        self.orders = PostgresOrderRepository(session, renderer, find)
        self.inbox = PostgresProcessedMessages(session)
        self.effects = PostgresEffects(session)

    async def commit(self) -> None:
        """Commit the transaction. All writes are durable on return."""
        await self._session.commit()
