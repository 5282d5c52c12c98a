"""The outbox, seen from the relay."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import asyncpg

from adapters.postgres import outbox_statements as sql
from adapters.postgres.database import PATIENCE, PROMPT_SECONDS, Database, within
from adapters.postgres.outbox_batch import PostgresOutboxBatch

#: Seconds for which a relay may hold a batch: to lock it, to publish it, to mark it.
_HOLD_SECONDS: Final = 3 * PATIENCE


class PostgresOutbox:
    """`Outbox` on PostgreSQL.

    The locks of a frozen relay end as those of any session that is idle in a transaction
    (`IDLE_IN_TRANSACTION_SECONDS`). The events that it held may then be published twice, never
    skipped. Publishing, at most 5 s, is shorter than that.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def batch(self, size: int) -> AsyncIterator[PostgresOutboxBatch]:
        """At most `size` eligible events that no other relay holds."""
        async with self._database.driver(time_budget=_HOLD_SECONDS) as driver, _begun(driver):
            async with within(PATIENCE):
                batch = await _locked(driver, size)
            yield batch
        batch.ensure_marked()

    async def has_work(self) -> bool:
        """Return whether an event waits, parked ones aside, or a debt to the cache."""
        async with self._database.driver() as driver, driver.transaction(readonly=True):
            await driver.execute(sql.WALK_ALONG_INDEXES)
            return bool(await driver.fetchval(sql.HAS_WORK))


@asynccontextmanager
async def _begun(driver: asyncpg.Connection) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        async with within(PROMPT_SECONDS):
            await stack.enter_async_context(driver.transaction())
            await driver.execute(sql.WALK_ALONG_INDEXES)
        yield


async def _locked(driver: asyncpg.Connection, size: int) -> PostgresOutboxBatch:
    """Lock new events, then retries, then replays of other orders, until there are `size`."""
    rows = await driver.fetch(sql.SELECT_NEW, size)
    if len(rows) < size:
        rows += await driver.fetch(sql.SELECT_RETRIES, size - len(rows))
    if len(rows) == size:
        return PostgresOutboxBatch(driver, rows)
    subjects = {row["subject"] for row in rows}
    found = await driver.fetch(sql.SELECT_REPLAYS, size - len(rows))
    replays = [row for row in found if row["subject"] not in subjects]
    return PostgresOutboxBatch(driver, [*rows, *replays])
