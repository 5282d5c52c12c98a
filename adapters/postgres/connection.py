"""One connection to PostgreSQL: opening it, and translating its failures."""

import asyncio
import random
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import asyncpg

from adapters.postgres.failures import (
    READ_ONLY,
    is_certainly_undone,
    is_permanent,
    translated,
    unavailable,
)
from adapters.postgres.targets import Target, is_balanced, targets_of
from application.errors import Unavailable
from libraries.asyncio_tools.cancellation import resolve_host
from libraries.asyncio_tools.time_budget import STORAGE_DEADLINE_SECONDS

#: Seconds until a connection stands, or is given up while its request can still be answered.
_CONNECT_TIMEOUT: Final = STORAGE_DEADLINE_SECONDS - 0.2
#: Seconds that PostgreSQL has to answer to a goodbye.
_FAREWELL: Final = 0.1
#: How often a session's settings are tried: a role's own `statement_timeout` may cut them off.
_ATTEMPTS: Final = 3

#: Seconds after which PostgreSQL ends a transaction whose client does nothing: a frozen process
#: loses its locks.
IDLE_IN_TRANSACTION_SECONDS: Final = 8
#: Seconds that a statement waits for a lock. Those who wait for its answer have gone by then.
LOCK_TIMEOUT_SECONDS: Final = 5
#: What every session is set to, whatever its role or database defaults to. Sent as statements, not
#: as parameters of the connection: a pooler refuses parameters that it does not know.
_SETTINGS: Final = f"""
SET statement_timeout = 0;
SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s';
SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s';
SET default_transaction_isolation = 'read committed';
SET default_transaction_deferrable = off;
"""
#: The same of later releases, by the first that knows them.
_LATER_SETTINGS: Final = {
    (14,): "SET idle_session_timeout = 0;",
    (17,): "SET transaction_timeout = 0;",
}

#: Socket options, by name: a platform may lack some. The kernel closes a connection whose other end
#: is gone: after 10 s of rest and a silent probe, or 2 s after data that is not acknowledged.
#: The URL may give other values, by libpq's parameter.
_SOCKET_OPTIONS: Final = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", "keepalives", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", "keepalives_idle", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPALIVE", "keepalives_idle", 10),  # the same, on macOS
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", "keepalives_interval", 3),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", "keepalives_count", 4),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", "tcp_user_timeout", 2_000),
)

#: First words of statements that change nothing by themselves.
_HARMLESS: Final = frozenset({"SELECT", "SHOW", "BEGIN", "START", "SET", "ROLLBACK", "DECLARE"})
_COMMITS: Final = frozenset({"COMMIT", "END"})


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg publishes no types
    """asyncpg's connection, whose failures are the service's own errors.

    Every method raises:
        Unavailable: PostgreSQL is out of reach. It says whether something may have been changed.
        ConcurrentUpdate: PostgreSQL rolled back in favour of another transaction.
        EmailTaken, ReferenceTaken: the constraint of that meaning was broken.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        #: On the event loop's clock: when it was opened, and when it was last put back to rest.
        self.opened_at = self.rested_at = self._loop.time()
        #: Whether it is in an unknown state, and of no use to the next statement.
        self.is_broken = False
        #: Whether its session turned out to be read-only.
        self.is_read_only = False
        #: Whether an interrupted statement may have changed something for good.
        self.may_have_changed = False

    async def execute(self, query: str, *args: Any, **options: Any) -> Any:
        """Run a statement, or several without parameters; its status."""
        try:
            return await super().execute(query, *args, **options)
        except BaseException as error:
            self._raise_translated(error, query)
            raise

    async def executemany(self, command: str, args: Any, **options: Any) -> Any:
        """Run a statement once for each sequence of parameters."""
        try:
            return await super().executemany(command, args, **options)
        except BaseException as error:
            self._raise_translated(error, command)
            raise

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        """Return all rows."""
        try:
            return await super().fetch(query, *args, **options)
        except BaseException as error:
            self._raise_translated(error, query)
            raise

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        """Return the first row, or None."""
        try:
            return await super().fetchrow(query, *args, **options)
        except BaseException as error:
            self._raise_translated(error, query)
            raise

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        """Return a value of the first row, or None."""
        try:
            return await super().fetchval(query, *args, **options)
        except BaseException as error:
            self._raise_translated(error, query)
            raise

    def cursor(self, query: str, *args: Any, **options: Any) -> "_Cursor":
        """Return a cursor to await and to fetch from."""
        return _Cursor(self, query, super().cursor(query, *args, **options))

    def transaction(self, **options: Any) -> "_Transaction":
        """Return a transaction, or a savepoint within one, to enter and leave."""
        return _Transaction(self, super().transaction(**options))

    def can_be_reused(self) -> bool:
        """Whether the next statement will find the connection as a new one would be."""
        return not (self.is_broken or self.is_closed() or self.is_in_transaction())

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        """Close soon, whether or not the server answers; a statement under way is canceled."""
        with suppress(Exception):  # asyncpg has cut it, then
            await super().close(timeout=min(timeout or _FAREWELL, _FAREWELL))

    def _raise_translated(self, error: BaseException, statement: str) -> None:
        """Raise the service's own error for a failed statement, if there is one."""
        is_undone = is_certainly_undone(error)
        self.is_broken |= not is_undone
        self.is_read_only |= getattr(error, "sqlstate", None) == READ_ONLY
        self.may_have_changed = not is_undone and self._may_change(statement)
        if isinstance(error, Exception):
            failure = translated(error, may_have_changed=self.may_have_changed)
            if failure is not error:
                raise failure from error

    def _may_change(self, statement: str) -> bool:
        """Whether an unanswered statement may have changed something for good."""
        first = statement.split(maxsplit=1)[0].rstrip(";").upper() if statement else ""
        # asyncpg knows the state of the transaction from before the statement.
        if self._protocol is not None and self._protocol.is_in_transaction():
            return first in _COMMITS
        return first not in _HARMLESS


class _Cursor:
    """asyncpg's cursor, whose failures are translated like its connection's."""

    def __init__(self, connection: Connection, query: str, cursor: Any) -> None:
        self._connection = connection
        self._query = query
        self._cursor = cursor

    async def _opened(self) -> "_Cursor":
        try:
            self._cursor = await self._cursor
        except BaseException as error:
            self._connection._raise_translated(error, self._query)  # noqa: SLF001 - its part
            raise
        return self

    def __await__(self) -> Any:
        return self._opened().__await__()

    async def fetch(self, size: int) -> list[Any]:
        """Return the next rows, at most `size`."""
        try:
            rows: list[Any] = await self._cursor.fetch(size)
        except BaseException as error:
            self._connection._raise_translated(error, self._query)  # noqa: SLF001 - its part
            raise
        return rows


class _Transaction:
    """asyncpg's transaction, whose failures are translated like its connection's."""

    def __init__(self, connection: Connection, transaction: Any) -> None:
        self._connection = connection
        self._transaction = transaction

    async def __aenter__(self) -> None:
        try:
            await self._transaction.start()
        except BaseException as error:
            self._connection._raise_translated(error, "BEGIN")  # noqa: SLF001 - its part
            raise

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Commit, or roll back after an error.

        A broken connection is left as it is: the server would not answer to a ROLLBACK either. The
        pool closes it, and its transaction ends with it.
        """
        if kind is not None and (self._connection.is_broken or self._connection.is_closed()):
            return
        try:
            await self._transaction.__aexit__(kind, *rest)
        except BaseException as error:
            statement = "ROLLBACK" if kind else "COMMIT"
            self._connection._raise_translated(error, statement)  # noqa: SLF001 - its part
            raise

    def __getattr__(self, name: str) -> Any:
        """Return a method of asyncpg's transaction: SQLAlchemy, in migrations, calls them."""
        return getattr(self._transaction, name)


class Server:
    """PostgreSQL at one of several addresses: where connections are opened.

    Raises:
        ValueError: the URL is none of PostgreSQL, or a parameter of it cannot be honoured.
    """

    def __init__(self, url: str) -> None:
        self._targets = targets_of(url)
        if is_balanced(url):
            random.shuffle(self._targets)

    async def connect(self) -> Connection:
        """Open a connection that takes writes, at the host that answered last if it still does.

        Raises:
            Unavailable: no host lets us in, in time. Its cause is a failure that may pass, if there
                is one among the hosts'.
        """
        seconds = _CONNECT_TIMEOUT / len(self._targets)
        failures: list[Exception] = []
        for target in list(self._targets):
            try:
                async with asyncio.timeout(min(seconds, target.connect_seconds or seconds)):
                    connection = await _connected(target)
            except Exception as error:  # noqa: BLE001 - whatever it is, there is no connection
                failures.append(error)
            else:
                self._targets.sort(key=lambda each: each is not target)
                return connection
        may_pass = [each for each in failures if not is_permanent(each)]
        raise unavailable(may_have_changed=False) from (may_pass or failures)[-1]


async def _connected(target: Target) -> Connection:
    if target.address is not None:
        await resolve_host(*target.address)
    connection: Connection = await asyncpg.connect(
        timeout=None, connection_class=Connection, **target.arguments
    )
    try:
        _watch(connection, target.socket_options)
        await _set(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _set(connection: Connection, attempts: int = _ATTEMPTS) -> None:
    version = connection.get_server_version()
    later = [text for since, text in _LATER_SETTINGS.items() if version >= since]
    try:
        await connection.execute("".join((_SETTINGS, *later)))
    except Unavailable:
        if connection.is_broken or attempts == 1:
            raise
        await _set(connection, attempts - 1)


def _watch(connection: Connection, wanted: Mapping[str, int]) -> None:
    """Let the kernel find out that the other end is gone."""
    raw = connection._transport.get_extra_info("socket")  # noqa: SLF001 - no other way to it
    if raw.family == getattr(socket, "AF_UNIX", None):
        return
    for level, name, parameter, ours in _SOCKET_OPTIONS:
        value = wanted.get(parameter, ours)
        has_default = value == 0 and parameter != "keepalives"
        if (option := getattr(socket, name, None)) is not None and not has_default:
            raw.setsockopt(level, option, value)
