"""Detect if a database schema is missing, outdated, current or belongs to another program."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from adapters.postgres.connection import Connection

STEPS: Final = Path(__file__).parents[2] / "migrations"

#: The tables of this release. `tables.py` has them too, but importing SQLAlchemy takes 0.2 s.
TABLES: Final = (
    "access_changes",
    "cache_debts",
    "clients",
    "closed_subjects",
    "dead_letters",
    "effects",
    "erasures",
    "idempotency_keys",
    "inbox",
    "leases",
    "order_history",
    "orders",
    "outbox",
    "outside_identities",
    "refresh_tokens",
    "sessions",
    "users",
)

#: The comment on our `alembic_version` table, which is written by `migrations/env.py` during each
#: migration. It's necessary because other programs have a table with this name, too, and some of
#: them even use the same revisions.
MARKER: Final = "Schema of the order-management-service."

#: Releases up to this revision did not write a marker.
_LAST_UNMARKED: Final = "0004"

_STATE_QUERY: Final = """
SELECT obj_description(to_regclass('alembic_version'), 'pg_class') = $1 AS is_marked,
       to_regclass('alembic_version') IS NOT NULL AS is_versioned,
       has_table_privilege(to_regclass('alembic_version'), 'SELECT') AS is_readable,
       ARRAY(SELECT name FROM unnest($2::text[]) AS name
             WHERE to_regclass(quote_ident(name)) IS NOT NULL) AS tables
"""


class State(Enum):
    """How the schema relates to this release."""

    MISSING = "missing"
    BEHIND = "behind"
    #: At this release's latest revision or a newer one from a later release.
    CURRENT = "current"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Schema:
    """The state of a schema, and the evidence for it as part of a sentence."""

    state: State
    evidence: str


def head(steps: Path = STEPS) -> str:
    """Return the latest revision, which is the first part of the last migration's file name."""
    return _revisions(steps)[-1]


def _revisions(steps: Path) -> list[str]:
    return sorted(step.name.partition("_")[0] for step in steps.glob("versions/[0-9]*.py"))


async def read_schema(session: Connection, steps: Path = STEPS) -> Schema:
    """Read the state of the schema in the session's `search_path`.

    Raises:
        Unavailable: PostgreSQL is unreachable.
    """
    found = await session.fetchrow(_STATE_QUERY, MARKER, TABLES)
    if found["is_versioned"] and not found["is_readable"]:
        return Schema(State.FOREIGN, "its table alembic_version belongs to another role")
    revisions = await _applied(session) if found["is_versioned"] else []
    if not revisions:
        return _unversioned(found["tables"])
    named = f"its table alembic_version is at {', '.join(revisions)}"
    if not found["is_marked"] and not _is_unmarked_release(revisions, found["tables"]):
        return Schema(State.FOREIGN, named)
    is_current = max(revisions) >= head(steps)
    return Schema(State.CURRENT if is_current else State.BEHIND, named)


async def _applied(session: Connection) -> list[str]:
    rows = await session.fetch("SELECT version_num::text FROM alembic_version ORDER BY 1")
    return [row[0] for row in rows if row[0] is not None]


def _unversioned(tables: list[str]) -> Schema:
    if tables:
        return Schema(State.FOREIGN, f"it has tables named {', '.join(tables)}, but no revision")
    return Schema(State.MISSING, "it is empty")


def _is_unmarked_release(revisions: list[str], tables: list[str]) -> bool:
    """Return whether the schema was created by an early release that didn't write a marker."""
    made_by_the_first = {"orders", "order_history", "outbox", "inbox"}
    return (
        len(revisions) == 1
        and revisions[0] in _revisions(STEPS)
        and revisions[0] <= _LAST_UNMARKED
        and made_by_the_first <= set(tables)
    )
