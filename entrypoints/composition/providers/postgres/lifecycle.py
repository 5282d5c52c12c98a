"""The lifecycle of a PostgreSQL that the settings name, and the steps that every one shares."""

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
    """A PostgreSQL: waited for, migrated or checked, and closed."""

    @property
    @abstractmethod
    def database(self) -> Database:
        """The connections of this process; none is open before the first use."""

    async def open(self, *, may_create: bool) -> None:  # noqa: ARG002 - a server makes no database
        """Wait until PostgreSQL accepts a connection.

        Raises:
            CannotStart: PostgreSQL does not answer in time.
            Misconfigured: PostgreSQL refuses for good.
        """
        await wait_for_postgresql(self.database.url)

    async def migrate(self) -> bool:
        """Bring the schema to its newest revision; return whether anything changed.

        Raises:
            Misconfigured: another program made the schema, or the database cannot hold ours.
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
        """Return why this release cannot use the schema, in one sentence; None if it can."""
        schema = await schema_of(self.database.url)
        return _PROBLEMS[schema.state].format(evidence=schema.evidence) or None


class ExternalPostgres(PostgresLifecycle):
    """The PostgreSQL of `DATABASE_URL`, which other processes use too."""

    def __init__(self, url: str, pool_size: int) -> None:
        self._database = Database(url, pool_size)

    @property
    def summary(self) -> Mapping[str, str]:
        """The server is not this service's own."""
        return {"postgresql": "external"}

    @property
    def database(self) -> Database:
        """The connections of this process."""
        return self._database

    async def close(self) -> None:
        """Close every connection."""
        await self._database.close()
