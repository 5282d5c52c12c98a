"""Wait for PostgreSQL during startup."""

import asyncio
import os
from time import monotonic
from typing import Final

from adapters.postgres.database import Database
from adapters.postgres.failures import is_permanent
from application.errors import Unavailable
from entrypoints.composition.errors import CannotStart, Misconfigured
from entrypoints.observability.logs import logger

_WAIT_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 0.5
_LOG_SECONDS: Final = 10.0


async def wait_for_postgresql(url: str) -> None:
    """Return when PostgreSQL accepts a connection.

    Failures that may be temporary are logged immediately and then every 10 s, with their reason
    and the number of seconds left.

    Raises:
        Misconfigured: the failure is permanent (wrong password, no such database, no TLS).
        CannotStart: PostgreSQL could not be reached within 60 s.
    """
    database = Database(url, pool_size=1)
    deadline = monotonic() + _WAIT_SECONDS
    next_log = float("-inf")
    try:
        while (failure := await _failure_of(database)) is not None:
            reason = _reason_of(failure)
            if is_permanent(failure):
                raise Misconfigured(f"PostgreSQL (DATABASE_URL) refuses the connection: {reason}.")
            left = max(0.0, deadline - monotonic())
            if monotonic() >= next_log:
                next_log = monotonic() + _LOG_SECONDS
                logger.warning(
                    "waiting for PostgreSQL (DATABASE_URL)", reason=reason, seconds_left=round(left)
                )
            if not left:
                raise CannotStart(f"PostgreSQL (DATABASE_URL) does not answer: {reason}.")
            await asyncio.sleep(min(_RETRY_SECONDS, left))
    finally:
        await database.close()


async def _failure_of(database: Database) -> BaseException | None:
    """Try to connect once, and return the cause if it fails."""
    try:
        async with database.connection():
            return None
    except Unavailable as error:
        return error.__cause__ or error


def _reason_of(failure: BaseException) -> str:
    if isinstance(failure, TimeoutError):
        return "no answer in time"
    if isinstance(failure, ConnectionError) and failure.errno:
        return os.strerror(failure.errno)
    if isinstance(failure, OSError) and failure.strerror:
        return failure.strerror.rstrip(".")
    return str(failure).rstrip(".") or type(failure).__name__
