"""Migrate the schema to its latest revision. Any number of processes can do this concurrently."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from adapters.postgres.connection import Connection
from adapters.postgres.connector import Connector
from adapters.postgres.schema_state import STEPS, Schema, State, read_schema

if TYPE_CHECKING:
    from alembic.config import Config

#: The advisory lock for migrations ("orders" in ASCII).
_LOCK_ID: Final = 0x6F7264657273
_PAUSE_SECONDS: Final = 0.5
#: This is short because while a migration is waiting for a table, all readers and writers of the
#: table are queueing behind it.
_TABLE_LOCK_TIMEOUT_SECONDS: Final = 2
#: If a table is locked, the migration is retried for about ten minutes.
_ATTEMPTS: Final = 240
#: The SQLSTATE for a lock that was not acquired in time.
_LOCK_NOT_AVAILABLE: Final = "55P03"


class ForeignSchema(Exception):
    """The schema was created by another program. The message contains the evidence."""


async def migrate(url: str, steps: Path = STEPS) -> bool:
    """Migrate the schema to head, and return whether there was anything to migrate.

    Only one process runs the migrations. The others wait for it, and after that the schema is up to
    date. Each migration runs in its own transaction. If one fails, the earlier ones remain applied,
    and the next run continues from there.

    Raises:
        ForeignSchema: the schema was created by another program. Nothing has been changed.
        Unavailable: PostgreSQL is unreachable.
    """
    async with _session(url) as session, _lock(session):
        schema = await read_schema(session, steps)
        if schema.state is State.FOREIGN:
            raise ForeignSchema(schema.evidence)
        if schema.state is State.CURRENT:
            return False
        async with _engine(url) as engine:
            await _upgrade(engine, steps)
        return True


async def schema_of(url: str) -> Schema:
    """Read the schema's state.

    Raises:
        Unavailable: PostgreSQL is unreachable.
    """
    async with _session(url) as session:
        return await read_schema(session)


def alembic_config(
    connection: sqlalchemy.Connection | None = None, steps: Path = STEPS
) -> "Config":
    """Return Alembic's configuration for an open connection without a transaction."""
    # Importing Alembic takes time and memory, so we only do it if there's something to migrate.
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(steps).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@asynccontextmanager
async def _session(url: str) -> AsyncIterator[Connection]:
    session = await Connector(url).connect()
    try:
        yield session
    finally:
        await session.close()


@asynccontextmanager
async def _lock(session: Connection) -> AsyncIterator[None]:
    """Hold the migration lock in a separate session.

    We have to poll for the lock. A statement that waits for a lock holds a snapshot, and a
    `CREATE INDEX CONCURRENTLY` in the process that has the lock would wait for that snapshot.
    """
    while not await session.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_ID):  # noqa: ASYNC110 - another process has the lock
        await asyncio.sleep(_PAUSE_SECONDS)
    yield  # the lock ends with the session


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
    from alembic import command  # noqa: PLC0415 - see above

    command.upgrade(alembic_config(connection, steps), "head")
