"""The outbox, seen from its operator."""

from datetime import datetime
from typing import Final

from adapters.postgres.database import Database
from application.ports.upkeep import OutboxState, Republished
from domain.ids import OrderId

#: Seconds that a statement over much of the outbox may take.
_PATIENCE: Final = 300.0

_STATE: Final = """
SELECT count(*) AS unpublished, min(at) AS oldest,
       (array_agg(last_error ORDER BY at) FILTER (WHERE last_error IS NOT NULL))[1] AS last_error
FROM outbox WHERE published_at IS NULL
"""


def _again(condition: str) -> str:
    return f"""
WITH chosen AS (
    SELECT subject, revision, payload IS NULL AS is_swept
    FROM outbox WHERE published_at IS NOT NULL AND {condition}
), waiting AS (
    UPDATE outbox SET published_at = NULL, position = NULL
    FROM chosen
    WHERE outbox.subject = chosen.subject AND outbox.revision = chosen.revision
      AND outbox.published_at IS NOT NULL AND outbox.payload IS NOT NULL
    RETURNING 1
)
SELECT (SELECT count(*) FROM waiting) AS again,
       (SELECT count(*) FROM chosen WHERE is_swept) AS swept
"""  # noqa: S608 - a text of our own


_AGAIN_ONE: Final = _again("subject = $1")
_AGAIN_SINCE: Final = _again("published_at >= $1")


class PostgresOutboxOffice:
    """`OutboxOffice` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self) -> OutboxState:
        """How it stands."""
        async with self._database.driver(_PATIENCE) as driver:
            row = await driver.fetchrow(_STATE)
        return OutboxState(row["unpublished"], row["oldest"], row["last_error"])

    async def publish_again(self, order_id: OrderId) -> Republished:
        """Let the published events of one order wait once more."""
        return await self._again(_AGAIN_ONE, order_id)

    async def publish_again_since(self, since: datetime) -> Republished:
        """Let every event that was published at `since` or later wait once more."""
        return await self._again(_AGAIN_SINCE, since)

    async def _again(self, statement: str, value: object) -> Republished:
        async with self._database.driver(_PATIENCE) as driver:
            row = await driver.fetchrow(statement, value)
        return Republished(row["again"], row["swept"])
