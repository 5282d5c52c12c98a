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
from adapters.postgres.new_orders import parameters_of, unique_key
from adapters.postgres.row_mapping import SELECT, record_of
from adapters.postgres.transaction import PostgresTransaction, Session
from application.documents import OrderRecord, OrderWrite
from application.errors import ConcurrentUpdate
from application.ports.idempotency import IdempotencyRecord
from application.ports.orders import OrderRenderer
from application.ports.transaction import Completion
from domain.ids import OrderId

_MAX_BATCH_SIZE: Final = 64

# A single statement only needs one transaction and one round trip for any number of orders.
_INSERT: Final = """
WITH placed AS (
    INSERT INTO orders (id, user_id, reference, items, total_price, currency, status, version,
                        revision, created_at, updated_at, processed_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::json[], $5::numeric[],
                         $6::text[], $7::text[], $8::int[], $9::int[], $10::timestamptz[],
                         $11::timestamptz[], $12::timestamptz[])
), begun AS (
    INSERT INTO order_history (order_id, version, to_status, actor_kind, actor_id, at)
    SELECT * FROM unnest($1::uuid[], $8::int[], $7::text[], $13::text[], $14::uuid[],
                         $10::timestamptz[])
)
INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at, traceparent)
SELECT * FROM unnest($1::uuid[], $9::int[], $8::int[], $15::uuid[], $16::text[], $17::text[],
                     $18::bytea[], $10::timestamptz[], $19::text[])
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
    columns = zip(*map(parameters_of, sorted(writes, key=unique_key)), strict=True)
    await connection.execute(_INSERT, *map(list, columns))
    return [None] * len(writes)


async def _find_batch(
    connection: Connection, order_ids: Sequence[OrderId]
) -> Sequence[OrderRecord | None]:
    rows = await connection.fetch(f"{SELECT} WHERE id = ANY($1)", list(order_ids))
    found = {row["id"]: record_of(row) for row in rows}
    return [found.get(order_id) for order_id in order_ids]
