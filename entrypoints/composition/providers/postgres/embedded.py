"""The lifecycle of the embedded PostgreSQL, which keeps its data in `DATA_DIR`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from adapters.postgres.database import Database
from entrypoints.composition.errors import CannotStart, Misconfigured
from entrypoints.composition.providers.postgres.lifecycle import PostgresLifecycle
from entrypoints.processes.supervisor import with_database
from entrypoints.processes.watchdog import keep_alive
from libraries.embedded_postgres import (
    EmbeddedPostgres,
    EmbeddedPostgresError,
    ServeLock,
    choose_layout,
    find_data_dir,
    has_data,
)


class EmbeddedLifecycle(PostgresLifecycle):
    """Starts and revives the embedded PostgreSQL, and stops it when the last process is done."""

    is_exclusive = True

    def __init__(self, data_dir: Path | None, pool_size: int) -> None:
        self._setting = data_dir
        self._pool_size = pool_size
        self._server: EmbeddedPostgres | None = None
        self._database: Database | None = None

    @property
    def summary(self) -> Mapping[str, str]:
        """The server belongs to this service."""
        return {"postgresql": "embedded"}

    @property
    def data_dir(self) -> Path:
        """The absolute path of `DATA_DIR`, which may not exist yet."""
        with explained():
            return find_data_dir(self._setting)

    @contextmanager
    def serve_lock(self) -> Iterator[None]:
        """Lock `DATA_DIR` for one `orders serve`. Create the folder if it is missing.

        Raises:
            CannotStart: another one is already running.
        """
        with explained():
            lock = ServeLock(choose_layout(self._setting).data_dir)
            lock.__enter__()
        try:
            yield
        finally:
            lock.__exit__(None, None, None)

    @property
    def database(self) -> Database:
        """This process's connections, available once the server has been started."""
        if self._database is None:
            raise RuntimeError("the embedded PostgreSQL was not started")
        return self._database

    async def open(self, *, may_create: bool) -> None:
        """Start the server if it is not already running, and wait until it accepts connections.

        Raises:
            CannotStart: the server cannot be started.
            Misconfigured: there is no data, and it may not be created.
        """
        if not may_create:
            self._require_data()
        with explained():
            server = EmbeddedPostgres(choose_layout(self._setting))
            url = await server.__aenter__()
        self._server, self._database = server, Database(url, self._pool_size)
        await super().open(may_create=may_create)

    async def watch(self) -> None:
        """Restart the server if it has died while in use."""
        if self._server is not None:
            database = self.database
            await keep_alive(
                database.is_connected, with_database(database.ping), self._server.revive
            )

    async def close(self) -> None:
        """Close every connection, and stop the server if no other process is using it.

        Raises:
            CannotStart: the server does not stop.
        """
        server, self._server = self._server, None
        if server is not None:
            await self.database.close()
            with explained():
                await server.__aexit__(None, None, None)

    def _require_data(self) -> None:
        """Check that there is a database, because a report on an empty one would be wrong."""
        if not has_data(data_dir := self.data_dir):
            raise Misconfigured(
                f"There are no data in {data_dir}: set DATA_DIR to the folder of the service, or"
                " DATABASE_URL to its database."
            )


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors of the embedded PostgreSQL, or of its folder, into `CannotStart`.

    Raises:
        CannotStart: in place of the original error.
    """
    try:
        yield
    except EmbeddedPostgresError as error:
        raise CannotStart(str(error)) from error
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise CannotStart(f"Cannot use DATA_DIR: {error.strerror or error}{place}.") from error
