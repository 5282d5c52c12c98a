"""Store machine clients."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from adapters.postgres.database import Database
from application.ports.clients import ClientLogin
from domain.client import MachineClient
from domain.ids import ClientId
from domain.scope import known_scopes

_BEFORE_ALL: Final = UUID(int=0)

_ADD: Final = """
INSERT INTO clients (id, name, secret_hash, scopes, created_at) VALUES ($1, $2, $3, $4, $5)
"""
_BY_ID: Final = "SELECT * FROM clients WHERE id = $1"
_BY_NAME: Final = "SELECT * FROM clients WHERE name = $1 AND revoked_at IS NULL"
_PAGE: Final = "SELECT * FROM clients WHERE id > $1 ORDER BY id LIMIT $2"
_REVOKE: Final = """
UPDATE clients SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING *
"""


class PostgresClients:
    """`Clients` and `ClientDirectory` for PostgreSQL.

    A trigger adds revocations to the feed (migration 0006).
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, client: MachineClient, secret_hash: bytes) -> None:
        """Store a new client.

        Raises:
            ClientNameTaken: there is already a client with this name that has not been revoked.
        """
        scopes = sorted(client.scopes)
        await self._one(_ADD, client.id, client.name, secret_hash, scopes, client.created_at)

    async def login(self, client_id: ClientId) -> ClientLogin | None:
        """Return the client and the digest of its secret, even if it is revoked, or None."""
        row = await self._one(_BY_ID, client_id)
        return ClientLogin(_client(row), row["secret_hash"]) if row else None

    async def named(self, name: str) -> MachineClient | None:
        """Return the client with this name that has not been revoked, or None."""
        row = await self._one(_BY_NAME, name)
        return _client(row) if row else None

    async def page(self, limit: int, after: ClientId | None = None) -> Sequence[MachineClient]:
        """Return at most `limit` clients after `after`, sorted by id, including revoked ones."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_PAGE, after or _BEFORE_ALL, limit)
        return [_client(row) for row in rows]

    async def revoke(self, client_id: ClientId, now: datetime) -> MachineClient | None:
        """Revoke a client and return it, or None if it doesn't exist."""
        row = await self._one(_REVOKE, client_id, now)
        return _client(row) if row else None

    async def _one(self, statement: str, *values: object) -> Any:
        async with self._database.connection() as connection:
            return await connection.fetchrow(statement, *values)


def _client(row: Any) -> MachineClient:
    return MachineClient(
        id=ClientId(row["id"]),
        name=row["name"],
        scopes=known_scopes(row["scopes"]),
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )
