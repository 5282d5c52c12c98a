"""The storages on which the crash walk runs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from dishka import Provider, Scope, from_context
from dishka.provider import BaseProvider

from adapters.memory.storage import MemoryStorage
from adapters.postgres.database import Database
from entrypoints.composition.providers.memory import MemoryStorageProvider
from tests.servers.postgres import Postgres
from tests.servers.process import LocalServer
from tests.support.deadlines import generous_deadlines
from tests.support.postgres import clear_tables, migrate_database, opened_database

Result = TypeVar("Result")
_SECRET: Final = {"JWT_SECRET_KEY": "a key of thirty-two bytes or more"}


class InMemory:
    """A storage in memory that survives its processes."""

    settings: Mapping[str, str] = _SECRET

    def providers(self) -> Sequence[BaseProvider]:
        return [SurvivingMemoryProvider()]

    async def empty(self) -> Mapping[Any, Any]:
        return {MemoryStorage: MemoryStorage()}


class OnPostgres:
    """A PostgreSQL database. All processes use the same connections, to save time."""

    def __init__(self, database: Database) -> None:
        self.settings: Mapping[str, str] = {**_SECRET, "DATABASE_URL": database.url}
        self._database = database

    def providers(self) -> Sequence[BaseProvider]:
        return [_SharedConnectionsProvider()]

    @classmethod
    def use(cls, call: Callable[["OnPostgres"], Awaitable[Result]]) -> Result:
        """Call a function with a PostgreSQL server of its own."""

        async def call_with(url: str) -> Result:
            await migrate_database(url)
            async with opened_database(url) as database:
                return await call(cls(database))

        server = LocalServer(Postgres())
        try:
            server.start()
            with generous_deadlines():
                return asyncio.run(call_with(server.url))
        finally:
            server.close()

    async def empty(self) -> Mapping[Any, Any]:
        await clear_tables(self._database)
        return {Database: self._database}


class SurvivingMemoryProvider(MemoryStorageProvider):
    """The in-memory storage from the context."""

    storage = from_context(MemoryStorage)


class _SharedConnectionsProvider(Provider):
    scope = Scope.APP

    database = from_context(Database)
