"""A PostgreSQL connection that raises the service's own errors."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps
from typing import Any, Final

import asyncpg
from asyncpg.transaction import Transaction

from adapters.postgres.failures import READ_ONLY, is_certainly_undone, translated

#: How long to wait for PostgreSQL when closing a connection.
_CLOSE_TIMEOUT_SECONDS: Final = 0.1

#: The first words of statements that don't change anything by themselves.
_HARMLESS: Final = frozenset({"SELECT", "SHOW", "BEGIN", "START", "SET", "ROLLBACK", "DECLARE"})
_COMMITS: Final = frozenset({"COMMIT", "END"})

_Call = Callable[..., Awaitable[Any]]


def _translating(call: _Call) -> _Call:
    """Decorate a method of asyncpg's connection to raise the service's own errors."""

    @wraps(call)
    async def translate(self: "Connection", statement: str, *args: Any, **options: Any) -> Any:
        try:
            return await call(self, statement, *args, **options)
        except BaseException as error:
            self._raise_translated(error, statement)
            raise

    return translate


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg doesn't publish types
    """asyncpg's connection with the service's own errors.

    They are raised by `execute`, `fetch`, `fetchrow`, `fetchval` and transactions. Errors from
    asyncpg's other methods are not translated.

    Raises:
        Unavailable: PostgreSQL is unreachable. The message depends on whether the statement may
            have changed something.
        ConcurrentUpdate: PostgreSQL rolled back in favour of another transaction.
        EmailTaken, ReferenceTaken: the corresponding constraint was violated.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        #: When the connection was opened and last released, according to the event loop's clock.
        self.opened_at = self.idle_since = self._loop.time()
        #: Whether the connection is in an unknown state and can't be used for other statements.
        self.is_broken = False
        #: Whether PostgreSQL rejected a write because the session is read-only.
        self.is_read_only = False
        #: Whether an interrupted statement may have made a permanent change.
        self.may_have_changed = False

    execute = _translating(asyncpg.Connection.execute)
    fetch = _translating(asyncpg.Connection.fetch)
    fetchrow = _translating(asyncpg.Connection.fetchrow)
    fetchval = _translating(asyncpg.Connection.fetchval)

    def transaction(
        self, *, isolation: str | None = None, readonly: bool = False, deferrable: bool = False
    ) -> Transaction:
        """Return an async context manager for a transaction, or for a savepoint within one."""
        return _Transaction(self, isolation, readonly, deferrable)

    def can_be_reused(self) -> bool:
        """Return whether the connection is in the same state as a new one."""
        return not (self.is_broken or self.is_closed() or self.is_in_transaction())

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - from asyncpg
        """Cancel any running statement and close quickly, even if the server doesn't respond."""
        with suppress(Exception):  # asyncpg has dropped the connection in that case
            await super().close(
                timeout=min(timeout or _CLOSE_TIMEOUT_SECONDS, _CLOSE_TIMEOUT_SECONDS)
            )

    def _raise_translated(self, error: BaseException, statement: str) -> None:
        """Raise the service's own error for this failure, if there is one."""
        is_undone = is_certainly_undone(error)
        self.is_broken |= not is_undone
        self.is_read_only |= getattr(error, "sqlstate", None) == READ_ONLY
        self.may_have_changed = not is_undone and self._may_change(statement)
        if isinstance(error, Exception):
            failure = translated(error, may_have_changed=self.may_have_changed)
            if failure is not error:
                raise failure from error

    def _may_change(self, statement: str) -> bool:
        """Return whether a statement without a response may have made a permanent change."""
        first = statement.split(maxsplit=1)[0].rstrip(";").upper() if statement else ""
        # At this point, asyncpg still has the transaction state from before the statement.
        if self._protocol is not None and self._protocol.is_in_transaction():
            return first in _COMMITS
        return first not in _HARMLESS


class _Transaction(Transaction):  # type: ignore[misc]  # asyncpg doesn't publish types
    """asyncpg's transaction, but without a ROLLBACK on broken connections.

    The server wouldn't respond to it anyway. The transaction ends when the pool closes the
    connection.
    """

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Commit, or roll back after an error."""
        connection = self._connection
        if kind is None or not (connection.is_broken or connection.is_closed()):
            await super().__aexit__(kind, *rest)
