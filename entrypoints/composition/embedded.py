"""What the settings leave out, made up: a PostgreSQL of our own, and a key to sign with."""

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from entrypoints.composition.errors import CannotStart, Misconfigured
from entrypoints.settings import Settings
from libraries.embedded_postgres import (
    AlreadyServing,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    ServeLock,
    choose_place,
    find_data_dir,
    has_data,
)


@contextmanager
def only_server(settings: Settings) -> Iterator[None]:
    """Be the one `serve` of this `DATA_DIR`, where there is one.

    Raises:
        CannotStart: another one is serving.
    """
    if settings.database_url is not None:
        yield
        return
    with _sentences():
        lock = ServeLock(choose_place(settings.data_dir).data_dir)
        lock.__enter__()
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


@dataclass(frozen=True, slots=True)
class OpenedDatabase:
    """A PostgreSQL, and how to start it again where it is our own and has died."""

    url: str
    revive: Callable[[], Awaitable[None]] | None


@asynccontextmanager
async def opened_database(settings: Settings, *, may_create: bool) -> AsyncIterator[OpenedDatabase]:
    """Open the PostgreSQL that the settings name, or else start the embedded one.

    Raises:
        CannotStart: the embedded one cannot be started.
        Misconfigured: it has no data, and they may not be created.
    """
    if settings.database_url is not None:
        yield OpenedDatabase(settings.database_url, None)
        return
    if not may_create:
        require_data(settings)
    with _sentences():
        embedded = EmbeddedPostgres(choose_place(settings.data_dir))
        url = await embedded.__aenter__()
    try:
        yield OpenedDatabase(url, embedded.revive)
    finally:
        with _sentences():
            await embedded.__aexit__(None, None, None)


def require_data(settings: Settings) -> None:
    """Refuse a folder without an embedded database: a report on an empty one would be false.

    Raises:
        CannotStart: the working directory cannot be found.
        Misconfigured: there are no data in it.
    """
    with _sentences():
        data_dir = find_data_dir(settings.data_dir)
    if not has_data(data_dir):
        raise Misconfigured(
            f"There are no data in {data_dir}: set DATA_DIR to the folder of the service, or"
            " DATABASE_URL to its database."
        )


def data_dir_of(settings: Settings) -> Path | None:
    """Return the folder of the embedded service's data; None if it has no embedded database.

    Raises:
        CannotStart: the working directory cannot be found.
    """
    if settings.database_url is not None:
        return None
    with _sentences():
        return find_data_dir(settings.data_dir)


def signing_secret(settings: Settings) -> bytes:
    """The key that signs tokens: the settings', or one made at random for this `DATA_DIR`.

    Raises:
        CannotStart: it cannot be written or read.
    """
    if settings.secret is not None:
        return settings.secret
    with _sentences():
        path = choose_place(settings.data_dir).data_dir / "jwt-secret-key"
        if not path.exists():
            _make_secret(path)
        return path.read_bytes().strip()


def _make_secret(path: Path) -> None:
    made = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):  # another process was first: its key counts
        os.link(made, path)
    made.unlink()


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except (AlreadyServing, EmbeddedPostgresError) as error:
        raise CannotStart(str(error)) from error
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise CannotStart(f"Cannot use DATA_DIR: {error.strerror or error}{place}.") from error
