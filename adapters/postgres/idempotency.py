"""Store new orders under idempotency keys with group commit (ADR 32)."""

from asyncio import get_running_loop, sleep
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.postgres.batching import Batcher
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.keys_in_flight import KeysInFlight
from adapters.postgres.new_orders import parameters_of, unique_key
from application.documents import OrderWrite
from application.errors import IdempotencyInProgress
from application.ports.idempotency import KEY_LIFETIME, IdempotencyKey, IdempotencyRecord
from domain.ids import OrderId

_MAX_BATCH_SIZE: Final = 64
#: How long a call waits for another one with the same key. This is less than the storage's
#: deadline, so the response is a conflict and not an outage.
WAIT_SECONDS: Final = 1.5
#: The pause before looking again for the outcome of a call in another process.
_POLL_SECONDS: Final = 0.05

# One statement claims the keys and inserts the orders whose keys it has claimed. The lock is only
# tried: waiting for another process would delay all calls of the batch. Two calls for the same key
# in one batch are an error (21000), and the batcher then sends the calls one by one. `place` sorts
# the orders like batches without keys, so that both lock the unique index in the same order.
_INSERT: Final = """
WITH calls AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::json[], $5::numeric[], $6::text[],
                         $7::text[], $8::int[], $9::int[], $10::timestamptz[], $11::timestamptz[],
                         $12::timestamptz[], $13::text[], $14::uuid[], $15::uuid[], $16::text[],
                         $17::text[], $18::bytea[], $19::text[], $20::text[], $21::bytea[],
                         $22::bytea[])
        WITH ORDINALITY AS call (
            id, user_id, reference, items, total_price, currency, status, version, revision,
            created_at, updated_at, processed_at, actor_kind, actor_id, event_id, topic, type,
            payload, traceparent, key, fingerprint, body, place)
), locked AS MATERIALIZED (
    SELECT * FROM calls
    WHERE pg_try_advisory_xact_lock(hashtextextended(user_id::text || ' ' || key, 0))
), claimed AS (
    INSERT INTO idempotency_keys AS stored (user_id, key, fingerprint, order_id, body, created_at)
    SELECT user_id, key, fingerprint, id, coalesce(body, payload), now() FROM locked
    ON CONFLICT (user_id, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, order_id = excluded.order_id,
            body = excluded.body, created_at = excluded.created_at
        WHERE stored.created_at <= now() - $23::interval
    RETURNING order_id
), fresh AS (
    SELECT locked.* FROM locked JOIN claimed ON claimed.order_id = locked.id
), placed AS (
    INSERT INTO orders (id, user_id, reference, items, total_price, currency, status, version,
                        revision, created_at, updated_at, processed_at)
    SELECT id, user_id, reference, items, total_price, currency, status, version, revision,
           created_at, updated_at, processed_at
    FROM fresh ORDER BY place
), begun AS (
    INSERT INTO order_history (order_id, version, to_status, actor_kind, actor_id, at)
    SELECT id, version, status, actor_kind, actor_id, created_at FROM fresh
), announced AS (
    INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at, traceparent)
    SELECT id, revision, version, event_id, topic, type, payload, created_at, traceparent FROM fresh
)
SELECT order_id FROM claimed
"""

FIND: Final = """
SELECT order_id, fingerprint, body FROM idempotency_keys
WHERE user_id = $1 AND key = $2 AND created_at > now() - $3::interval
"""


@dataclass(frozen=True, slots=True)
class _Call:
    write: OrderWrite
    record: IdempotencyRecord


class KeyedOrders:
    """Stores each new order together with the record of its key, in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = Batcher(database, _insert_batch, _MAX_BATCH_SIZE, changes=True)
        self._keys = KeysInFlight()

    async def add(self, write: OrderWrite, record: IdempotencyRecord) -> IdempotencyRecord:
        """Store a new order unless its key is taken. See `OrderStorage.add_once`."""
        deadline = get_running_loop().time() + WAIT_SECONDS
        async with self._keys.hold(record.owner, record.key.text, WAIT_SECONDS):
            while (found := await self._try(write, record)) is None:
                if get_running_loop().time() + _POLL_SECONDS > deadline:
                    raise IdempotencyInProgress
                await sleep(_POLL_SECONDS)
        return found

    async def _try(self, write: OrderWrite, record: IdempotencyRecord) -> IdempotencyRecord | None:
        """Return the key's record, or None if a call in another process holds the key."""
        if await self._insert(_Call(write, record)):
            return record
        return await self._find(record)

    async def _find(self, wanted: IdempotencyRecord) -> IdempotencyRecord | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(FIND, wanted.owner, wanted.key.text, KEY_LIFETIME)
        if row is None:
            return None
        key = IdempotencyKey(wanted.key.text, row["fingerprint"])
        return IdempotencyRecord(wanted.owner, key, OrderId(row["order_id"]), row["body"])


async def _insert_batch(connection: Connection, calls: Sequence[_Call]) -> Sequence[bool]:
    """Return for each call whether it has claimed its key."""
    if not calls:
        return []
    in_order = sorted(calls, key=lambda call: unique_key(call.write))
    columns = zip(*map(_parameters, in_order), strict=True)
    rows = await connection.fetch(_INSERT, *map(list, columns), KEY_LIFETIME)
    if len(rows) == len(calls):
        return [True] * len(calls)
    claimed = {row["order_id"] for row in rows}
    return [call.record.order_id in claimed for call in calls]


def _parameters(call: _Call) -> tuple[Any, ...]:
    key, body = call.record.key, call.record.body
    # The body of the first response is the payload of the order's event, so it's only sent once.
    sent = None if body is call.write.event.payload else body
    return (*parameters_of(call.write), key.text, key.fingerprint, sent)
