"""The feed of access changes."""

from datetime import datetime
from typing import Final

from adapters.postgres.database import Database
from application.ports.access_changes import AccessChange, AccessChangeKind, FeedPage

_ADD: Final = "INSERT INTO access_changes (kind, subject, expires_at) VALUES ($1, $2, $3)"

# The position is the oldest transaction that was running during the read. All changes of earlier
# transactions have been visible by then. A snapshot taken later can't miss a change of this one or
# of any other, no matter how long it runs.
_READ: Final = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS position,
       change.id, change.kind, change.subject, change.expires_at
FROM (SELECT) AS always
    LEFT JOIN access_changes AS change ON change.transaction_id >= $1 AND change.expires_at > $2
"""


class PostgresAccessChanges:
    """`AccessChanges` for PostgreSQL. Triggers add most changes (migration 0006)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, change: AccessChange) -> None:
        """Add a change. It's durable on return."""
        async with self._database.connection() as connection:
            await connection.execute(_ADD, change.kind, change.subject, change.expires_at)

    async def read(self, position: int, now: datetime) -> FeedPage:
        """Return all changes after a position that are not obsolete."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_READ, position, now)
        changes = [
            (
                row["id"],
                AccessChange(AccessChangeKind(row["kind"]), row["subject"], row["expires_at"]),
            )
            for row in rows
            if row["id"] is not None
        ]
        return FeedPage(changes, rows[0]["position"])
