"""An unsuitable database is rejected with instructions for fixing it, and is left unchanged."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from adapters.postgres.connection import Connection
from adapters.postgres.suitability import UnsuitableDatabase, require_suitable_at
from entrypoints.composition.errors import Misconfigured
from entrypoints.composition.providers.postgres.lifecycle import ExternalPostgres
from tests.servers.databases import drop_database, fetch_value
from tests.servers.plugin import Shared
from tests.support.deadlines import LONG

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

Make = Callable[[str], Awaitable[str]]


@pytest.fixture
async def make(postgres_server: Shared) -> AsyncIterator[Make]:
    """A function that creates a database, owned by the administrator, with these options."""
    made: list[str] = []
    administrator = await asyncpg.connect(postgres_server.url, timeout=LONG)

    async def create(options: str) -> str:
        name = f"test_{uuid4().hex}"
        await administrator.execute(f"CREATE DATABASE {name} TEMPLATE template0 {options}")
        made.append(urlsplit(postgres_server.url)._replace(path=f"/{name}").geturl())
        return made[-1]

    yield create
    for url in made:
        await drop_database(postgres_server.url, url)
    await administrator.close()


@pytest.fixture
async def role(postgres_server: Shared) -> AsyncIterator[str]:
    """A role without privileges. Its name is also its password."""
    name = f"role_{uuid4().hex}"
    administrator = await asyncpg.connect(postgres_server.url, timeout=LONG)
    await administrator.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
    yield name
    await administrator.execute(f"DROP ROLE {name}")
    await administrator.close()


async def refusal_of(url: str) -> str:
    storage = ExternalPostgres(url, 2)
    with pytest.raises(Misconfigured) as refusal:
        await storage.migrate()
    await storage.close()
    version = "SELECT to_regclass('public.alembic_version')"
    assert await fetch_value(url.partition("?")[0], version) is None
    return str(refusal.value)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_database_that_is_not_utf8_is_refused(encoding: str, make: Make) -> None:
    url = await make(f"ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C'")
    said = await refusal_of(url)
    assert encoding in said
    assert "ENCODING 'UTF8'" in said


@pytest.mark.parametrize("path", ["shop", "shop,public", '"$user",shop'])
async def test_missing_schema_in_the_search_path_is_refused(path: str, make: Make) -> None:
    said = await refusal_of(f"{await make('')}?options=-csearch_path%3D{path}")
    assert "search_path" in said
    assert "CREATE SCHEMA shop" in said


async def test_refusal_of_a_role_names_the_missing_privileges(make: Make, role: str) -> None:
    url = urlsplit(await make(""))
    said = await refusal_of(
        url._replace(netloc=f"{role}:{role}@{url.netloc.rpartition('@')[2]}").geturl()
    )
    assert "permission denied for schema public" in said
    assert "GRANT USAGE, CREATE ON SCHEMA public" in said


class PooledSession:
    """A session behind a pooler, which runs each statement on one of these backends."""

    def __init__(self, *backends: int) -> None:
        self._backends = list(backends)

    def get_server_pid(self) -> int:
        return 4_000_000  # the pooler's own id

    async def fetchrow(self, _: str) -> dict[str, Any]:
        facts = {"role": "ada", "encoding": "UTF8", "path": "public", "schemas": ["public"]}
        return facts | {"backend": self._backends.pop(0)}

    async def fetchval(self, _: str) -> int:
        return self._backends.pop(0)

    async def close(self) -> None:
        """Do nothing."""


async def check(*sessions: PooledSession) -> None:
    opened = iter(sessions)

    async def connect() -> Connection:
        return cast("Connection", next(opened))

    await require_suitable_at(connect)


async def test_pooler_in_transaction_mode_is_refused() -> None:
    with pytest.raises(UnsuitableDatabase, match="pool_mode = session"):
        await check(PooledSession(1, 2, 1, 1), PooledSession(3, 1, 1))


async def test_pooler_in_session_mode_is_accepted() -> None:
    await check(PooledSession(1, 1, 1, 1), PooledSession(2, 2, 2))
