"""The outbox for the relay."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import asyncpg

from adapters.postgres import outbox_statements as sql
from adapters.postgres.database import BEGIN_TIMEOUT_SECONDS, USE_TIMEOUT_SECONDS, Database, within
from adapters.postgres.outbox_batch import PostgresOutboxBatch

#: For one batch: to lock, publish and mark its events.
_BATCH_TIMEOUT_SECONDS: Final = 3 * USE_TIMEOUT_SECONDS


class PostgresOutbox:
    """`Outbox` on PostgreSQL.

    PostgreSQL ends the session of a frozen relay, and its locks, after
    `IDLE_IN_TRANSACTION_SECONDS`. Its events may then be published twice, but none is skipped.
    Publishing a batch takes at most 5 s, which is less.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def batch(self, size: int) -> AsyncIterator[PostgresOutboxBatch]:
        """Lock at most `size` eligible events that no other relay has locked."""
        async with (
            self._database.connection(_BATCH_TIMEOUT_SECONDS) as connection,
            _begun(connection),
        ):
            async with within(USE_TIMEOUT_SECONDS):
                batch = await _locked(connection, size)
            yield batch
        batch.ensure_marked()

    async def has_work(self) -> bool:
        """Return whether an event (parked events excepted) or a cache debt waits."""
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


async def _locked(connection: asyncpg.Connection, size: int) -> PostgresOutboxBatch:
    """Lock new events, then retries, then replays of other orders, at most `size`."""
    rows = await connection.fetch(sql.SELECT_NEW, size)
    if len(rows) < size:
        rows += await connection.fetch(sql.SELECT_RETRIES, size - len(rows))
    if len(rows) == size:
        return PostgresOutboxBatch(connection, rows)
    subjects = {row["subject"] for row in rows}
    found = await connection.fetch(sql.SELECT_REPLAYS, size - len(rows))
    replays = [row for row in found if row["subject"] not in subjects]
    return PostgresOutboxBatch(connection, [*rows, *replays])
