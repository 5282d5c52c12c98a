"""The storages on which the crash walk runs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dishka import Provider, Scope, from_context
from dishka.provider import BaseProvider

from adapters.memory.storage import MemoryStorage
from adapters.postgres.database import Database
from entrypoints.composition.providers.memory import MemoryStorageProvider
from tests.support.postgres import clear_tables

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

    async def empty(self) -> Mapping[Any, Any]:
        await clear_tables(self._database)
        return {Database: self._database}


class SurvivingMemoryProvider(MemoryStorageProvider):
    """The in-memory storage from the context."""

    storage = from_context(MemoryStorage)


class _SharedConnectionsProvider(Provider):
    scope = Scope.APP

    database = from_context(Database)
