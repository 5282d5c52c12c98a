"""Check that a database is suitable for this service's schema."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from adapters.postgres.connection import Connection
from adapters.postgres.connector import Connector

Connect = Callable[[], Awaitable[Connection]]

_FACTS: Final = """
SELECT current_user::text AS role, pg_backend_pid() AS backend,
       current_setting('server_encoding') AS encoding, current_setting('search_path') AS path,
       current_schemas(false)::text[] AS schemas
"""
#: SQLSTATEs for prepared statements that belong to another session or no longer exist.
_LOST_STATEMENT: Final = frozenset({"26000", "42P05"})
_NOT_ALLOWED: Final = "42501"
_SCHEMA: Final = re.compile(r"for schema (\S+)")
#: A single comparison of two connections isn't enough, because a pooler may have handed the backend
#: to a third one in the meantime.
_COMPARISONS: Final = 3

_POOLED: Final = (
    "The pooler that DATABASE_URL leads to (PgBouncer?) shares sessions between transactions: set"
    " pool_mode = session there, or connect to PostgreSQL directly."
)


class UnsuitableDatabase(Exception):
    """The database is not suitable for the schema. The message explains how to fix this."""


async def require_suitable(url: str) -> None:
    """Check that a database uses UTF-8, has a writable schema, and one session per connection.

    Raises:
        UnsuitableDatabase: at least one of these conditions isn't met.
        Unavailable: PostgreSQL is unreachable.
    """
    await require_suitable_at(Connector(url).connect)


async def require_suitable_at(connect: Connect) -> None:
    """Like `require_suitable`, but for a function that opens connections."""
    async with _opened(connect) as session:
        facts = await session.fetchrow(_FACTS)
        if facts["encoding"] != "UTF8":
            raise UnsuitableDatabase(
                f"The database (DATABASE_URL) is encoded in {facts['encoding']}: create one with"
                " CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0."
            )
        if missing := _missing_schema(facts["path"], facts["schemas"]):
            raise UnsuitableDatabase(
                f"The search_path of DATABASE_URL leads to {missing}, which does not exist or is"
                f" closed to the role {facts['role']}: run CREATE SCHEMA {missing} AUTHORIZATION"
                f" {facts['role']}, or change search_path."
            )
        if session.get_server_pid() != facts["backend"]:  # there must be a pooler
            await _require_sessions(session, connect)


@contextmanager
def privileges_explained() -> Iterator[None]:
    """Explain how to fix errors about missing privileges and lost prepared statements.

    Raises:
        UnsuitableDatabase: replaces these errors. The message contains the explanation.
    """
    try:
        yield
    except Exception as error:
        # An error from a migration is wrapped by SQLAlchemy, which only migrations import.
        cause = getattr(error, "orig", error)
        state = getattr(cause, "sqlstate", None)
        if state in _LOST_STATEMENT:
            raise UnsuitableDatabase(_POOLED) from error
        if state != _NOT_ALLOWED:
            raise
        reason = str(getattr(cause, "__cause__", None) or cause)
        schema = _SCHEMA.search(reason)
        raise UnsuitableDatabase(
            f"The role of DATABASE_URL may not change the schema ({reason}): as an administrator,"
            f" run GRANT USAGE, CREATE ON SCHEMA {schema[1] if schema else 'public'} TO that role,"
            " or make it the owner of the database and of the tables."
        ) from error


def _missing_schema(path: str, found: list[str]) -> str | None:
    """Return the name of the schema for our tables if it doesn't exist, otherwise None.

    We check this because PostgreSQL would create the tables in the next schema in `search_path`.
    """
    named = [each.strip().strip('"') for each in path.split(",")]
    wanted = [each for each in named if each and each != "$user"]
    if wanted and wanted[0] not in found:
        return wanted[0]
    return None if found else "public"


async def _require_sessions(session: Connection, connect: Connect) -> None:
    """Check that two connections don't share a backend.

    Raises:
        UnsuitableDatabase: both connections got the same backend from a pooler.
    """
    async with _opened(connect) as other:
        for _ in range(_COMPARISONS):
            backends = [await each.fetchval("SELECT pg_backend_pid()") for each in (session, other)]
            if backends[0] == backends[1]:
                raise UnsuitableDatabase(_POOLED)


@asynccontextmanager
async def _opened(connect: Connect) -> AsyncIterator[Connection]:
    session = await connect()
    try:
        yield session
    finally:
        await session.close()
