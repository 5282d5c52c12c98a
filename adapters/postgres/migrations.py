"""Migrate the schema to its latest revision. Any number of processes can do this concurrently."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from adapters.postgres.connection import Connection
from adapters.postgres.connector import Connector
from adapters.postgres.schema_state import STEPS, Schema, State, read_schema

#: The advisory lock for migrations ("orders" in ASCII).
_LOCK_ID: Final = 0x6F7264657273
_PAUSE_SECONDS: Final = 0.5


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
        # Alembic and SQLAlchemy's engine take 0.4 s of CPU time to import.
        from adapters.postgres.alembic_upgrade import upgrade  # noqa: PLC0415 - as above

        await upgrade(url, steps)
        return True


async def schema_of(url: str) -> Schema:
    """Read the schema's state.

    Raises:
        Unavailable: PostgreSQL is unreachable.
    """
    async with _session(url) as session:
        return await read_schema(session)


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
