"""Store new and processed orders with group commit (ADR 5, 39), and others in transactions."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from adapters.postgres.batching import Batcher
from adapters.postgres.completions import complete_batch
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.idempotency import KeyedOrders
from adapters.postgres.new_orders import row_of, shared_by, unique_key
from adapters.postgres.row_mapping import find_records
from adapters.postgres.transaction import PostgresTransaction, Session
from application.documents import OrderRecord, OrderWrite
from application.errors import ConcurrentUpdate
from application.ports.idempotency import IdempotencyRecord
from application.ports.orders import OrderRenderer
from application.ports.transaction import Completion
from domain.ids import OrderId

_MAX_BATCH_SIZE: Final = 64

# A single statement only needs one transaction and one round trip for any number of orders. Arrays
# are expensive to encode, so there is only one for each value that differs between new orders.
_INSERT: Final = """
WITH placed AS (
    INSERT INTO orders (id, user_id, reference, items, total_price, currency, status, version,
                        revision, created_at, updated_at)
    SELECT id, user_id, reference, items, total_price, currency, $11::text, $12::int, $13::int, at,
           at
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::json[], $5::numeric[], $6::text[],
                $7::timestamptz[])
        AS new (id, user_id, reference, items, total_price, currency, at)
), begun AS (
    INSERT INTO order_history (order_id, version, to_status, actor_kind, actor_id, at)
    SELECT id, $12::int, $11::text, $14::text, user_id, at
    FROM unnest($1::uuid[], $2::uuid[], $7::timestamptz[]) AS new (id, user_id, at)
)
INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at, traceparent)
SELECT id, $13::int, $12::int, event_id, $15::text, $16::text, payload, at, traceparent
FROM unnest($1::uuid[], $8::uuid[], $9::bytea[], $7::timestamptz[], $10::text[])
    AS new (id, event_id, payload, at, traceparent)
"""


class PostgresOrderStorage:
    """`OrderStorage` for PostgreSQL.

    Transactions use READ COMMITTED, and every write is protected by the revision (ADR 3).
    """

    def __init__(self, database: Database, renderer: OrderRenderer) -> None:
        self._database = database
        self._renderer = renderer
        self._insert = Batcher(database, _insert_batch, _MAX_BATCH_SIZE, changes=True)
        self._complete = Batcher(database, complete_batch, _MAX_BATCH_SIZE, changes=True)
        self._find = Batcher(database, _find_batch, _MAX_BATCH_SIZE)
        self._keyed_orders = KeyedOrders(database)

    async def add(self, write: OrderWrite) -> None:
        """Store a new order with its first step and its event. All are durable on return.

        Raises:
            Unavailable: the request's deadline has passed. If the order hasn't been sent by then,
                it will never be sent.
        """
        await self._insert(write)

    async def add_once(self, write: OrderWrite, record: IdempotencyRecord) -> IdempotencyRecord:
        """Like `add`, but store the order together with its record unless the key is taken."""
        return await self._keyed_orders.add(write, record)

    async def complete(self, completion: Completion) -> bool:
        """Store a processed order with its inbox row, its effect and its event, or nothing."""
        is_new = await self._complete(completion)
        if is_new is None:
            raise ConcurrentUpdate
        return is_new

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[PostgresTransaction]:
        """Begin a transaction. Leaving it without calling `commit` rolls it back.

        Before its first write, the transaction doesn't need a connection of its own.
        """
        async with AsyncExitStack() as stack:
            session = Session(self._database, stack)
            try:
                yield PostgresTransaction(session, self._renderer, self._find)
            except asyncio.CancelledError:
                raise  # the transaction ends when the pool closes the connection
            except BaseException:
                await session.roll_back()
                raise
            await session.roll_back()


async def _insert_batch(connection: Connection, writes: Sequence[OrderWrite]) -> Sequence[None]:
    if not writes:
        return []
    columns = zip(*map(row_of, sorted(writes, key=unique_key)), strict=True)
    await connection.execute(_INSERT, *map(list, columns), *shared_by(writes))
    return [None] * len(writes)


async def _find_batch(
    connection: Connection, order_ids: Sequence[OrderId]
) -> Sequence[OrderRecord | None]:
    found = await find_records(connection, order_ids)
    return [found.get(order_id) for order_id in order_ids]
