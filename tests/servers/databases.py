"""Databases of a test's own, on a server that it shares."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from tests.support.deadlines import LONG


def _with(url: str, database: str | None = None) -> str:
    """The URL as asyncpg takes it, naming another database if asked to."""
    parts = urlsplit(url)
    path = f"/{database}" if database else parts.path
    return parts._replace(scheme="postgresql", path=path).geturl()


async def create_database(server_url: str, template: str | None = None) -> str:
    """Make a database that nobody else knows, empty or like `template`, and say its URL.

    Nobody may be connected to the template meanwhile.
    """
    name = f"test_{uuid4().hex}"
    # Without fsync, copying files beats writing them to the log.
    await _once_nobody_uses_it(
        server_url,
        f'CREATE DATABASE {name} TEMPLATE "{template or "template0"}" STRATEGY file_copy',
    )
    return _with(server_url, name)


async def drop_database(server_url: str, url: str) -> None:
    """Drop it, whoever is connected."""
    name = urlsplit(url).path.removeprefix("/")
    await _once_nobody_uses_it(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def _once_nobody_uses_it(server_url: str, statement: str) -> None:
    """Run a statement for which PostgreSQL waits a few seconds for sessions to end, no more."""
    connection = await asyncpg.connect(_with(server_url), timeout=LONG)
    try:
        async with asyncio.timeout(LONG):
            while True:
                with suppress(asyncpg.ObjectInUseError):
                    await connection.execute(statement)
                    return
    finally:
        await connection.close()


@asynccontextmanager
async def fresh_database(server_url: str, template: str | None = None) -> AsyncIterator[str]:
    """A database for the time of the block."""
    url = await create_database(server_url, template)
    try:
        yield url
    finally:
        # A test that was cancelled still cleans up behind itself.
        await asyncio.shield(drop_database(server_url, url))
