"""Create databases for single tests on a shared server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from tests.support.deadlines import LONG


def _with(url: str, database: str | None = None) -> str:
    """Return the URL as asyncpg expects it, with another database if one is given."""
    parts = urlsplit(url)
    path = f"/{database}" if database else parts.path
    return parts._replace(scheme="postgresql", path=path).geturl()


async def create_database(server_url: str, template: str | None = None) -> str:
    """Create a database with a unique name, empty or copied from `template`. Return its URL.

    The template must not have any other connections during the copy.
    """
    name = f"test_{uuid4().hex}"
    # Without fsync, copying the files is faster than writing them to the log.
    await _execute_when_unused(
        server_url,
        f'CREATE DATABASE {name} TEMPLATE "{template or "template0"}" STRATEGY file_copy',
    )
    return _with(server_url, name)


async def drop_database(server_url: str, url: str) -> None:
    """Drop the database and end its connections."""
    name = urlsplit(url).path.removeprefix("/")
    await _execute_when_unused(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def _execute_when_unused(server_url: str, statement: str) -> None:
    """Repeat a statement until it succeeds. PostgreSQL only waits seconds for sessions to end."""
    connection = await asyncpg.connect(_with(server_url), timeout=LONG)
    try:
        async with asyncio.timeout(LONG):
            while True:
                with suppress(asyncpg.ObjectInUseError):
                    await connection.execute(statement)
                    return
    finally:
        await connection.close()


async def execute(url: str, statements: str) -> None:
    """Run statements on a connection of their own."""
    connection = await asyncpg.connect(_with(url), timeout=LONG)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def fetch_value(url: str, statement: str, *values: object) -> Any:
    """Run a statement on a connection of its own, and return the first value of its result."""
    connection = await asyncpg.connect(_with(url), timeout=LONG)
    try:
        return await connection.fetchval(statement, *values)
    finally:
        await connection.close()


@asynccontextmanager
async def fresh_database(server_url: str, template: str | None = None) -> AsyncIterator[str]:
    """Yield the URL of a database that exists until the end of the block."""
    url = await create_database(server_url, template)
    try:
        yield url
    finally:
        # Drop the database even if the test is cancelled.
        await asyncio.shield(drop_database(server_url, url))
