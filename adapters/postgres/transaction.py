"""Transactions that read and change an order."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from adapters.postgres.connection import Connection
from adapters.postgres.database import BEGIN_TIMEOUT_SECONDS, within
from adapters.postgres.row_mapping import SELECT, record_of
from application.documents import OrderWrite
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


class PostgresOrderRepository:
    """`OrderRepository` within a PostgreSQL transaction."""

    def __init__(self, connection: Connection, renderer: OrderRenderer) -> None:
        self._connection = connection
        self._renderer = renderer

    async def get(self, order_id: OrderId) -> Order:
        """Return the order, including the last committed write."""
        async with within(BEGIN_TIMEOUT_SECONDS):
            row = await self._connection.fetchrow(f"{SELECT} WHERE id = $1", order_id)
        if row is None:
            raise OrderNotFound
        return self._renderer.restore(record_of(row))

    async def save(self, write: OrderWrite) -> None:
        """Store the write with its step and its event when the transaction commits."""
        await _ensure_begun(self._connection)
        if not await self._connection.fetchval(_SAVE, *_values(write)):
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

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, consumer: str, message_id: UUID, now: datetime) -> bool:
        """Add a message, or return False if another transaction has committed it already."""
        await _ensure_begun(self._connection)
        return bool(await self._connection.fetchval(_ADD_MESSAGE, consumer, message_id, now))


class PostgresEffects:
    """`Effects` within a PostgreSQL transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def record(self, order_id: OrderId, outcome: Outcome, now: datetime) -> None:
        """Record an effect."""
        await _ensure_begun(self._connection)
        await self._connection.execute(_RECORD, order_id, outcome, now)


class PostgresTransaction:
    """`Transaction` on a PostgreSQL connection.

    BEGIN isn't sent until the first write, which saves a BEGIN and a COMMIT if a transaction only
    reads. With READ COMMITTED, it doesn't make a difference whether a read happens before or after
    BEGIN.
    """

    def __init__(self, connection: Connection, renderer: OrderRenderer) -> None:
        self._connection = connection
        self.orders = PostgresOrderRepository(connection, renderer)
        self.inbox = PostgresProcessedMessages(connection)
        self.effects = PostgresEffects(connection)

    async def commit(self) -> None:
        """Commit the transaction. All writes are durable on return."""
        await self._connection.execute("COMMIT")


async def _ensure_begun(connection: Connection) -> None:
    """Begin the transaction unless it has already begun."""
    if not connection.is_in_transaction():
        async with within(BEGIN_TIMEOUT_SECONDS):
            await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")


async def roll_back(connection: Connection) -> None:
    """Roll back the transaction unless it was committed."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")
