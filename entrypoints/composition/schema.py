"""The schema of the database that a process is given."""

import asyncio
from time import monotonic
from typing import Final

from adapters.postgres.database import Database
from adapters.postgres.migrating import ForeignSchema, migrate, schema_of
from adapters.postgres.schema_state import State
from application.errors import Unavailable
from entrypoints.composition.errors import CannotStart, Misconfigured
from entrypoints.logs import logger

#: Seconds for which a process waits for PostgreSQL.
_PATIENCE: Final = 60.0
_PAUSE: Final = 0.5
_FOREIGN: Final = (
    "The database (DATABASE_URL) holds the schema of another program: {evidence}. Give this service"
    " a database of its own, or a schema of its own (?options=-csearch_path%3DNAME)."
)
_FAULTS: Final = {
    State.MISSING: "The database (DATABASE_URL) has no schema yet: run `orders migrate`.",
    State.BEHIND: "The schema of the database (DATABASE_URL) is behind this release: run"
    " `orders migrate`.",
    State.CURRENT: "",
    State.FOREIGN: _FOREIGN,
}


async def bring_to_head(url: str) -> bool:
    """Bring the schema to its newest revision; return whether there was anything to do.

    Raises:
        CannotStart: PostgreSQL does not answer in time.
        Misconfigured: another program made the schema.
    """
    await _wait_for_postgresql(url)
    try:
        return await migrate(url)
    except ForeignSchema as error:
        raise Misconfigured(_FOREIGN.format(evidence=error)) from error


async def require_head(url: str) -> None:
    """Refuse every schema but the one of this release, or of a later one; change nothing.

    Raises:
        CannotStart: PostgreSQL does not answer in time.
        Misconfigured: the schema is missing, behind, or another program's.
    """
    fault = await schema_fault(url)
    if fault is not None:
        raise Misconfigured(fault)


async def schema_fault(url: str) -> str | None:
    """Return why this release cannot work with the schema, in one sentence; None if it can.

    Raises:
        CannotStart: PostgreSQL does not answer in time.
    """
    await _wait_for_postgresql(url)
    schema = await schema_of(url)
    return _FAULTS[schema.state].format(evidence=schema.evidence) or None


async def _wait_for_postgresql(url: str) -> None:
    database = Database(url, pool_size=1)
    deadline = monotonic() + _PATIENCE
    try:
        while True:
            try:
                async with database.driver():
                    return
            except Unavailable as error:
                if monotonic() > deadline:
                    raise CannotStart(
                        f"PostgreSQL (DATABASE_URL) does not answer: {_reason_of(error)}"
                    ) from error
                logger.warning("waiting for PostgreSQL (DATABASE_URL)")
                await asyncio.sleep(_PAUSE)
    finally:
        await database.close()


def _reason_of(error: Unavailable) -> str:
    cause = error.__cause__ or error
    return str(cause) or type(cause).__name__
