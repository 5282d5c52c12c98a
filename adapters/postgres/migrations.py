"""Bringing the schema to its newest revision, in any number of processes at once."""

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

#: Of this service's migrations, among all advisory locks of the database ("orders" in ASCII).
_LOCK: Final = 0x6F7264657273
_PAUSE_SECONDS: Final = 0.5
#: Seconds that a migration's transaction waits for a table: readers and writers queue up behind it.
_TABLE_LOCK_TIMEOUT_SECONDS: Final = 2
#: How often a migration is tried that found a table locked: for about ten minutes.
_ATTEMPTS: Final = 240
#: SQLSTATE of a lock that was not to be had in time.
_LOCK_NOT_AVAILABLE: Final = "55P03"


class ForeignSchema(Exception):
    """The schema was made by another program; the text is the evidence."""


async def migrate(url: str, steps: Path = STEPS) -> bool:
    """Bring the schema to head; return whether there was anything to do.

    One process at a time does the work; the others wait for it, then find the work done. Each
    migration is a transaction of its own: if one fails, those before it stay, and the next run
    goes on from there.

    Raises:
        ForeignSchema: another program made it; nothing was changed.
        Unavailable: PostgreSQL went out of reach.
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
    """Read the state of the schema; change nothing.

    Raises:
        Unavailable: PostgreSQL went out of reach.
    """
    async with _session(url) as session:
        return await read_schema(session)


def alembic_config(
    connection: sqlalchemy.Connection | None = None, steps: Path = STEPS
) -> "Config":
    """Alembic's configuration for this service, over an open connection in no transaction."""
    # Imported if there is something to do: it would cost every warm start its time and memory.
    from alembic.config import Config  # noqa: PLC0415 - as above

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
    """Hold the lock of all migrations, in a session of its own.

    It is tried again and again, not waited for: a statement that waits holds a snapshot, and
    `CREATE INDEX CONCURRENTLY` in the process that has the lock would wait for that snapshot.
    """
    while not await session.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110 - another process has it
        await asyncio.sleep(_PAUSE_SECONDS)
    yield  # it ends with the session


@asynccontextmanager
async def _engine(url: str) -> AsyncIterator[AsyncEngine]:
    connector = Connector(url)

    async def connect() -> Connection:
        session = await connector.connect()
        await session.execute("SET lock_timeout = 0")  # for indexes that are built concurrently
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
    """Bound the waits of a migration's transaction; of no effect outside of one."""
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
    from alembic import command  # noqa: PLC0415 - as above

    command.upgrade(alembic_config(connection, steps), "head")
