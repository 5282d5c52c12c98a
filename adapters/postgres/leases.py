"""Store leases as rows that expire according to PostgreSQL's clock."""

from typing import Final

from adapters.postgres.database import Database

# This can't use `now()` because that's the start of the transaction, before waiting for the row.
_ACQUIRE: Final = """
INSERT INTO leases (name, holder, expires_at)
VALUES ($1, $2, clock_timestamp() + $3::float8 * interval '1 second')
ON CONFLICT ON CONSTRAINT leases_pkey DO UPDATE
    SET holder = excluded.holder,
        expires_at = clock_timestamp() + $3::float8 * interval '1 second'
    WHERE leases.holder = excluded.holder OR leases.expires_at <= clock_timestamp()
RETURNING true
"""
_RELEASE: Final = "DELETE FROM leases WHERE name = $1 AND holder = $2"


class PostgresLeases:
    """`Leases` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def acquire(self, name: str, holder: str, seconds: float) -> bool:
        """Acquire or renew a lease. Return False if another holder has it."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(_ACQUIRE, name, holder, seconds))

    async def release(self, name: str, holder: str) -> None:
        """Release the lease if this holder has it."""
        async with self._database.connection() as connection:
            await connection.execute(_RELEASE, name, holder)
