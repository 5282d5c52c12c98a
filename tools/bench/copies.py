"""Fill a database with copies of a processed order, faster than through the service."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from tools.bench.contestants import Account
from tools.bench.errors import BenchError
from tools.bench.storage import connected, drain

#: The tables with rows of an order.
TABLES: Final = ("orders", "order_history", "outbox", "inbox", "effects")
_ROWS_PER_STATEMENT: Final = 100_000
_STATEMENT_TIMEOUT_SECONDS: Final = 600
_PUBLISH_TIMEOUT_SECONDS: Final = 30
#: The first copy's creation, in milliseconds since 1970.
_FIRST_MS: Final = 1_600_000_000_000

# The copies' ids are UUIDv7, like the service's, so new rows are at the end of each index. There is
# a copy for each second.
#: The id of the copy with the number `n`.
COPY_ID: Final = f"""
(lpad(to_hex({_FIRST_MS} + 1000 * n), 12, '0') || '7' || substr(md5(n::text), 1, 3)
 || '8' || substr(md5(n::text), 4, 15))::uuid"""
_MADE: Final = f"""
made AS MATERIALIZED (
    SELECT {COPY_ID} AS id, to_timestamp({_FIRST_MS} / 1000 + n) AS at
    FROM generate_series($2::bigint, $3::bigint) AS n
)"""  # noqa: S608 - a constant

# Triggers are disabled because they only allow new orders that are PENDING.
_COPY: Final = f"""
WITH {_MADE}, placed AS (
    INSERT INTO orders (id, user_id, items, total_price, currency, status, version, revision,
                        created_at, updated_at, processed_at)
    SELECT made.id, o.user_id, o.items, o.total_price, o.currency, o.status, o.version,
           o.revision, made.at, made.at, o.processed_at
    FROM made, orders AS o WHERE o.id = $1
), steps AS (
    INSERT INTO order_history (order_id, version, to_status, actor_kind, actor_id, at)
    SELECT made.id, h.version, h.to_status, h.actor_kind, h.actor_id, made.at
    FROM made, order_history AS h WHERE h.order_id = $1
), facts AS (
    INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at, position,
                        published_at, handed_over_at)
    SELECT made.id, e.revision, e.version, md5(made.id::text || e.revision)::uuid, e.topic, e.type,
           CASE WHEN $4 THEN e.payload END, e.at, nextval('outbox_position'), e.published_at,
           e.handed_over_at
    FROM made, outbox AS e WHERE e.subject = $1
), admitted AS (
    INSERT INTO inbox (order_id, admitted_at, consumer)
    SELECT made.id, i.admitted_at, i.consumer FROM made, inbox AS i WHERE i.order_id = $1
)
INSERT INTO effects (order_id, outcome, at)
SELECT made.id, e.outcome, e.at FROM made, effects AS e WHERE e.order_id = $1
"""  # noqa: S608 - a constant
# The copies are new, whatever happened to the template. Their payloads have their own ids.
_COPY_NEW: Final = f"""
WITH {_MADE}, placed AS (
    INSERT INTO orders (id, user_id, items, total_price, currency, status, version, revision,
                        created_at, updated_at)
    SELECT made.id, o.user_id, o.items, o.total_price, o.currency, 'PENDING', 1, 1, made.at, made.at
    FROM made, orders AS o WHERE o.id = $1
), steps AS (
    INSERT INTO order_history (order_id, version, to_status, actor_kind, actor_id, at)
    SELECT made.id, h.version, h.to_status, h.actor_kind, h.actor_id, made.at
    FROM made, order_history AS h WHERE h.order_id = $1 AND h.version = 1
)
INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at)
SELECT made.id, e.revision, e.version, md5(made.id::text)::uuid, e.topic, e.type,
       replace(encode(e.payload, 'escape'), $1::uuid::text, made.id::text)::bytea, made.at
FROM made, outbox AS e WHERE e.subject = $1 AND e.revision = 1
"""  # noqa: S608 - a constant
_REMOVE: Final = """
WITH new AS (SELECT id FROM orders WHERE processed_at IS NULL),
     facts AS (DELETE FROM outbox USING new WHERE subject = new.id),
     steps AS (DELETE FROM order_history USING new WHERE order_id = new.id)
DELETE FROM orders USING new WHERE orders.id = new.id
"""
_WAITING: Final = "SELECT count(*) FROM outbox WHERE published_at IS NULL"


def copy_moment(number: int) -> datetime:
    """Return when the copy with this number was created."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=_FIRST_MS, seconds=number)


def place_template(account: Account, database: str) -> str:
    """Place an order. Return its id when it has been processed and its events are published.

    Raises:
        BenchError: this doesn't happen.
    """
    template = account.place(1)[0]
    drain(database)
    asyncio.run(_wait_until_published(database))
    return template


def grow(database: str, template: str, first: int, last: int, *, has_payloads: bool = True) -> None:
    """Insert copies of the order `template`, numbered from `first` to `last`.

    It must have been processed, and its events published. Without `has_payloads`, the copies'
    payloads have been purged.
    """
    asyncio.run(_grow(database, template, first, last, has_payloads))


def place_copies(database: str, template: str, first: int, last: int) -> None:
    """Insert unprocessed copies of the order `template`, numbered from `first` to `last`.

    Their events haven't been published. All of them become visible at the same time.
    """
    asyncio.run(_place_copies(database, template, first, last))


async def _place_copies(database: str, template: str, first: int, last: int) -> None:
    async with connected(database) as connection:
        await connection.execute(
            _COPY_NEW, template, first, last, timeout=_STATEMENT_TIMEOUT_SECONDS
        )


def remove_unprocessed(database: str) -> None:
    """Delete all unprocessed orders with their history and events."""
    asyncio.run(_remove_unprocessed(database))


async def _remove_unprocessed(database: str) -> None:
    async with connected(database) as connection:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(_REMOVE, timeout=_STATEMENT_TIMEOUT_SECONDS)


async def _grow(
    database: str,
    template: str,
    first: int,
    last: int,
    has_payloads: bool,  # noqa: FBT001 - as above
) -> None:
    async with connected(database) as connection:
        await connection.execute("SET session_replication_role = replica")
        for begin in range(first, last + 1, _ROWS_PER_STATEMENT):
            end = min(begin + _ROWS_PER_STATEMENT - 1, last)
            await connection.execute(
                _COPY, template, begin, end, has_payloads, timeout=_STATEMENT_TIMEOUT_SECONDS
            )
        for table in TABLES:
            await connection.execute(f"VACUUM (ANALYZE) {table}", timeout=1800)
        await connection.execute("CHECKPOINT", timeout=_STATEMENT_TIMEOUT_SECONDS)


async def _wait_until_published(database: str) -> None:
    deadline = time.monotonic() + _PUBLISH_TIMEOUT_SECONDS
    async with connected(database) as connection:
        while await connection.fetchval(_WAITING):
            if time.monotonic() > deadline:
                raise BenchError("events are not being published")
            await asyncio.sleep(0.1)
