"""Run Alembic's migrations over asyncpg, without blocking the tables for long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from adapters.postgres.connection import Connection
from adapters.postgres.connector import Connector
from adapters.postgres.schema_state import STEPS

#: This is short because while a migration is waiting for a table, all readers and writers of the
#: table are queueing behind it.
_TABLE_LOCK_TIMEOUT_SECONDS: Final = 2
#: If a table is locked, the migration is retried for about ten minutes.
_ATTEMPTS: Final = 240
_PAUSE_SECONDS: Final = 0.5
#: The SQLSTATE for a lock that was not acquired in time.
_LOCK_NOT_AVAILABLE: Final = "55P03"


async def upgrade(url: str, steps: Path = STEPS) -> None:
    """Run all pending migrations, each in its own transaction.

    Raises:
        DBAPIError: PostgreSQL refuses a statement. The message contains it.
        Unavailable: PostgreSQL is unreachable.
    """
    async with _engine(url) as engine:
        await _upgrade(engine, steps)


def alembic_config(connection: sqlalchemy.Connection | None = None, steps: Path = STEPS) -> Config:
    """Return Alembic's configuration for an open connection without a transaction."""
    config = Config()
    config.set_main_option("script_location", str(steps).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@asynccontextmanager
async def _engine(url: str) -> AsyncIterator[AsyncEngine]:
    connector = Connector(url)

    async def connect() -> Connection:
        session = await connector.connect()
        await session.execute("SET lock_timeout = 0")  # for CREATE INDEX CONCURRENTLY
        return session

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, poolclass=NullPool, hide_parameters=True
    )
    event.listen(engine.sync_engine, "begin", _wait_briefly)
    try:
        yield engine
    finally:
        await engine.dispose()


def _wait_briefly(connection: sqlalchemy.Connection) -> None:
    """Limit how long a migration's transaction waits for locks. Has no effect outside of one."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_TABLE_LOCK_TIMEOUT_SECONDS}s'")


async def _upgrade(engine: AsyncEngine, steps: Path) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with engine.connect() as connection:
                await connection.run_sync(_upgrade_to_head, steps)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE or attempt == _ATTEMPTS:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return


def _upgrade_to_head(connection: sqlalchemy.Connection, steps: Path) -> None:
    command.upgrade(alembic_config(connection, steps), "head")
