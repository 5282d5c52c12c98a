"""Store debts to the cache."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from adapters.postgres.database import Database
from application.ports.cache_debts import CacheDebt
from domain.ids import OrderId

_OLDEST: Final = "SELECT order_id, owed_at FROM cache_debts ORDER BY owed_at LIMIT $1"
_COUNT: Final = """
SELECT count(*) AS count, statement_timestamp() AS counted_at
FROM (SELECT FROM cache_debts LIMIT $1) AS counted
"""


def _delete(condition: str) -> str:
    # Skip locked rows to avoid a deadlock with a relay that is adding debts. Another transaction is
    # already renewing or deleting these rows.
    return f"""
DELETE FROM cache_debts WHERE order_id IN (
    SELECT order_id FROM cache_debts WHERE {condition} FOR UPDATE SKIP LOCKED
)
"""  # noqa: S608 - only contains our own constants


_SETTLE: Final = _delete(
    "(order_id, owed_at) IN (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]))"
)
_SETTLE_ALL: Final = _delete("owed_at <= $1")


class PostgresCacheDebts:
    """`CacheDebts` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def oldest(self, limit: int) -> Sequence[CacheDebt]:
        """Return at most `limit` debts, oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_OLDEST, limit)
        return [CacheDebt(OrderId(row["order_id"]), row["owed_at"]) for row in rows]

    async def settle(self, debts: Sequence[CacheDebt]) -> None:
        """Delete debts, except for those that have been renewed since they were read."""
        ids, moments = [debt.order_id for debt in debts], [debt.owed_at for debt in debts]
        async with self._database.connection() as connection:
            await connection.execute(_SETTLE, ids, moments)

    async def count(self, limit: int) -> tuple[int, datetime]:
        """Count debts up to `limit`. Return the number and the time just before counting."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_COUNT, limit)
        return row["count"], row["counted_at"]

    async def settle_all(self, owed_by: datetime) -> None:
        """Delete all debts that are owed since `owed_by` or longer."""
        async with self._database.connection() as connection:
            await connection.execute(_SETTLE_ALL, owed_by)
