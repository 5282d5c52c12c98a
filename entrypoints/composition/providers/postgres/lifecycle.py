"""The lifecycle of an external PostgreSQL, and the steps it shares with the embedded one."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Final

from adapters.postgres.database import Database
from adapters.postgres.migrations import ForeignSchema, migrate, schema_of
from adapters.postgres.schema_state import State
from adapters.postgres.suitability import (
    UnsuitableDatabase,
    privileges_explained,
    require_suitable,
)
from entrypoints.composition.errors import Misconfigured
from entrypoints.composition.providers.postgres.wait import wait_for_postgresql
from entrypoints.composition.storage import StorageLifecycle

_FOREIGN: Final = (
    "The database (DATABASE_URL) holds the schema of another program: {evidence}. Give this service"
    " a database of its own, or a schema of its own (?options=-csearch_path%3DNAME)."
)
_PROBLEMS: Final = {
    State.MISSING: "The database (DATABASE_URL) has no schema yet: run `orders migrate`.",
    State.BEHIND: "The schema of the database (DATABASE_URL) is behind this release: run"
    " `orders migrate`.",
    State.CURRENT: "",
    State.FOREIGN: _FOREIGN,
}


class PostgresLifecycle(StorageLifecycle):
    """Waits for PostgreSQL, and migrates or checks its schema."""

    @property
    @abstractmethod
    def database(self) -> Database:
        """This process's connections. None are open before the first use."""

    async def open(self, *, may_create: bool) -> None:  # noqa: ARG002 - it cannot create one
        """Wait until PostgreSQL accepts a connection.

        Raises:
            CannotStart: PostgreSQL does not respond in time.
            Misconfigured: PostgreSQL permanently refuses the connection.
        """
        await wait_for_postgresql(self.database.url)

    async def migrate(self) -> bool:
        """Migrate the schema to its newest revision. Return whether anything changed.

        Raises:
            Misconfigured: the schema belongs to another program, or the database is not suitable.
        """
        url = self.database.url
        try:
            with privileges_explained():
                await require_suitable(url)
                return await migrate(url)
        except UnsuitableDatabase as error:
            raise Misconfigured(str(error)) from error
        except ForeignSchema as error:
            raise Misconfigured(_FOREIGN.format(evidence=error)) from error

    async def schema_problem(self) -> str | None:
        """Return why this release cannot use the schema, as one sentence, or None if it can."""
        schema = await schema_of(self.database.url)
        return _PROBLEMS[schema.state].format(evidence=schema.evidence) or None


class ExternalPostgres(PostgresLifecycle):
    """The PostgreSQL at `DATABASE_URL`, which other processes use as well."""

    def __init__(self, url: str, pool_size: int) -> None:
        self._database = Database(url, pool_size)

    @property
    def summary(self) -> Mapping[str, str]:
        """The server does not belong to this service."""
        return {"postgresql": "external"}

    @property
    def database(self) -> Database:
        """This process's connections."""
        return self._database

    async def close(self) -> None:
        """Close every connection."""
        await self._database.close()
