"""One connection to PostgreSQL, whose failures are the service's own errors."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps
from typing import Any, Final

import asyncpg
from asyncpg.transaction import Transaction

from adapters.postgres.failures import READ_ONLY, is_certainly_undone, translated

#: PostgreSQL has this long to acknowledge the end of a connection.
_CLOSE_TIMEOUT_SECONDS: Final = 0.1

#: First words of statements that change nothing by themselves.
_HARMLESS: Final = frozenset({"SELECT", "SHOW", "BEGIN", "START", "SET", "ROLLBACK", "DECLARE"})
_COMMITS: Final = frozenset({"COMMIT", "END"})

_Call = Callable[..., Awaitable[Any]]


def _translating(call: _Call) -> _Call:
    """Return a method of asyncpg's connection that raises the service's own errors."""

    @wraps(call)
    async def translate(self: "Connection", statement: str, *args: Any, **options: Any) -> Any:
        try:
            return await call(self, statement, *args, **options)
        except BaseException as error:
            self._raise_translated(error, statement)
            raise

    return translate


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg publishes no types
    """asyncpg's connection, whose failures are the service's own errors.

    `execute`, `fetch`, `fetchrow`, `fetchval` and transactions raise these; asyncpg's other methods
    are not translated.

    Raises:
        Unavailable: PostgreSQL cannot be reached. Its text states whether the statement may have
            changed something.
        ConcurrentUpdate: PostgreSQL rolled back in favour of another transaction.
        EmailTaken, ReferenceTaken: the constraint of that meaning was violated.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        #: On the event loop's clock: when it was opened, and when it was last released.
        self.opened_at = self.idle_since = self._loop.time()
        #: Whether its state is unknown, so that no other statement can use it.
        self.is_broken = False
        #: Whether PostgreSQL refused a write because the session is read-only.
        self.is_read_only = False
        #: Whether an interrupted statement may have changed something for good.
        self.may_have_changed = False

    execute = _translating(asyncpg.Connection.execute)
    fetch = _translating(asyncpg.Connection.fetch)
    fetchrow = _translating(asyncpg.Connection.fetchrow)
    fetchval = _translating(asyncpg.Connection.fetchval)

    def transaction(
        self, *, isolation: str | None = None, readonly: bool = False, deferrable: bool = False
    ) -> Transaction:
        """Return a transaction, or a savepoint within one, as an asynchronous context manager."""
        return _Transaction(self, isolation, readonly, deferrable)

    def can_be_reused(self) -> bool:
        """Whether the next statement will find the connection in the state of a new one."""
        return not (self.is_broken or self.is_closed() or self.is_in_transaction())

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        """Close soon, even if the server does not answer; cancel a running statement."""
        with suppress(Exception):  # asyncpg has cut the connection then
            await super().close(
                timeout=min(timeout or _CLOSE_TIMEOUT_SECONDS, _CLOSE_TIMEOUT_SECONDS)
            )

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
        # asyncpg has the state of the transaction from before the statement.
        if self._protocol is not None and self._protocol.is_in_transaction():
            return first in _COMMITS
        return first not in _HARMLESS


class _Transaction(Transaction):  # type: ignore[misc]  # asyncpg publishes no types
    """asyncpg's transaction, which sends no ROLLBACK on a broken connection.

    The server would not answer. The pool closes the connection, which ends the transaction.
    """

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Commit, or roll back after an error."""
        connection = self._connection
        if kind is None or not (connection.is_broken or connection.is_closed()):
            await super().__aexit__(kind, *rest)
