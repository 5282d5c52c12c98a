"""The outbox from the relay's point of view."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import asyncpg

from adapters.postgres import outbox_statements as sql
from adapters.postgres.database import BEGIN_TIMEOUT_SECONDS, USE_TIMEOUT_SECONDS, Database, within
from adapters.postgres.outbox_batch import PostgresOutboxBatch

#: The time limit for locking, publishing and marking a batch of events.
_BATCH_TIMEOUT_SECONDS: Final = 3 * USE_TIMEOUT_SECONDS


class PostgresOutbox:
    """`Outbox` for PostgreSQL.

    If a relay freezes, PostgreSQL ends its session after `IDLE_IN_TRANSACTION_SECONDS`, which
    releases all locks. Its events may then be published twice, but none are skipped. Publishing a
    batch takes at most 5 s, well within that timeout. So does each statement, including the commit.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def batch(self, size: int) -> AsyncIterator[PostgresOutboxBatch]:
        """Lock at most `size` eligible events that aren't locked by another relay."""
        async with (
            self._database.connection(_BATCH_TIMEOUT_SECONDS) as connection,
            _begun(connection),
        ):
            async with within(USE_TIMEOUT_SECONDS):
                batch = await _locked(connection, size)
            yield batch
        batch.ensure_marked()

    async def has_work(self) -> bool:
        """Return whether there are events waiting that aren't parked, or debts to the cache."""
        async with self._database.connection() as connection, connection.transaction(readonly=True):
            await connection.execute(sql.WALK_ALONG_INDEXES)
            return bool(await connection.fetchval(sql.HAS_WORK))


@asynccontextmanager
async def _begun(connection: asyncpg.Connection) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        async with within(BEGIN_TIMEOUT_SECONDS):
            await stack.enter_async_context(connection.transaction())
            await connection.execute(sql.WALK_ALONG_INDEXES)
        yield
        # Without a limit, a relay would wait for a lost response until the whole batch is late.
        async with within(USE_TIMEOUT_SECONDS, commits=True):
            await stack.aclose()


async def _locked(connection: asyncpg.Connection, size: int) -> PostgresOutboxBatch:
    """Lock at most `size` events: first new ones, then retries, then replays of other orders."""
    rows = await connection.fetch(sql.SELECT_NEW, size)
    if len(rows) == size:
        return PostgresOutboxBatch(connection, rows)
    found = await connection.fetch(sql.SELECT_OTHERS, size - len(rows))
    rows += [row for row in found if row["published_at"] is None]
    subjects = {row["subject"] for row in rows}
    replays = [row for row in found if row["published_at"] and row["subject"] not in subjects]
    # If there are retries, there may be too many replays. Their locks end with the batch.
    return PostgresOutboxBatch(connection, [*rows, *replays][:size])
