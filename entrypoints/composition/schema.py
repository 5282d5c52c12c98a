"""The schema of the database that a process is given."""

from typing import Final

from adapters.postgres.migrations import ForeignSchema, migrate, schema_of
from adapters.postgres.schema_state import State
from adapters.postgres.suitability import require_suitable
from entrypoints.composition.errors import Misconfigured
from entrypoints.composition.postgresql import unsuitable_database_refused, wait_for_postgresql

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


async def migrate_schema(url: str) -> bool:
    """Bring the schema to its newest revision; return whether there was anything to do.

    Raises:
        CannotStart: PostgreSQL does not answer in time.
        Misconfigured: another program made the schema, or the database cannot hold ours.
    """
    await wait_for_postgresql(url)
    try:
        with unsuitable_database_refused():
            await require_suitable(url)
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
    await wait_for_postgresql(url)
    schema = await schema_of(url)
    return _FAULTS[schema.state].format(evidence=schema.evidence) or None
