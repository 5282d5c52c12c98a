"""Store accounts."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from adapters.postgres.database import Database
from adapters.postgres.sessions import END_ALL, END_OUTSIDE_TOKENS, session_of
from application.ports.accounts import Login
from application.ports.sessions import Session
from domain.account import Account
from domain.actor import Role
from domain.errors import EmailTaken
from domain.ids import UserId

_BEFORE_ALL: Final = UUID(int=0)

ADD: Final = """
INSERT INTO users (id, email, password_hash, role, disabled, created_at, outside_tokens_ended_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
#: Finds the account for several spellings of an address. The first spelling has priority.
_FOUND: Final = """
SELECT id FROM users WHERE email = ANY($1::text[]) ORDER BY array_position($1, email) LIMIT 1
"""
_BY_EMAIL: Final = f"SELECT * FROM users WHERE id = ({_FOUND})"  # noqa: S608 - both parts are constants
_BY_ID: Final = "SELECT * FROM users WHERE id = $1"
#: If a parameter is None, its column isn't changed.
_UPDATE: Final = f"""
UPDATE users SET role = coalesce($2, role), disabled = coalesce($3, disabled),
                 password_hash = coalesce($4, password_hash)
WHERE id = ({_FOUND})
RETURNING *
"""  # noqa: S608 - both parts are constants
_PAGE: Final = "SELECT * FROM users WHERE id > $1 ORDER BY id LIMIT $2"
_REHASH: Final = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2"
#: A login locks this row (FOR SHARE), compares the hash again, and stores its session. It therefore
#: either finds the new hash, or its session is visible to the next statement.
_CHANGE: Final = """
UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 AND NOT disabled
RETURNING true
"""
_END_SESSIONS: Final = """
DELETE FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2 RETURNING *
"""


class PostgresAccounts:
    """`Accounts`, `AccountDirectory` and `PasswordStore` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, account: Account, password_hash: str, *older_spellings: str) -> None:
        """Store a new account. It's durable on return.

        Checking for older spellings before the INSERT is enough, because only older releases can
        store them.

        Raises:
            EmailTaken: there is already an account with this address or one of its older spellings.
        """
        if older_spellings and await self.login(*older_spellings):
            raise EmailTaken
        await self._one(ADD, *values_of(account, password_hash))

    async def login(self, *spellings: str) -> Login | None:
        """Return the account with one of these spellings and its password hash, if it exists."""
        row = await self._one(_BY_EMAIL, spellings)
        return Login(_account(row), row["password_hash"]) if row else None

    async def find(self, user_id: UserId) -> Account | None:
        """Return the account, or None if it does not exist."""
        row = await self._one(_BY_ID, user_id)
        return _account(row) if row else None

    async def update(
        self,
        *spellings: str,
        role: Role | None = None,
        disabled: bool | None = None,
        password_hash: str | None = None,
    ) -> Account | None:
        """Change the given values. Return the updated account, or None if it doesn't exist.

        The sessions end in a statement of their own, because the update may have waited for a login
        whose session is not in the update's snapshot.
        """
        values = (spellings, role, disabled, password_hash)
        async with self._database.connection() as connection, connection.transaction():
            row = await connection.fetchrow(_UPDATE, *values)
            if row and password_hash is not None:
                await connection.execute(END_ALL, row["id"])
                row = await connection.fetchrow(END_OUTSIDE_TOKENS, row["id"], None) or row
        return _account(row) if row else None

    async def page(self, limit: int, after: UserId | None = None) -> Sequence[Account]:
        """Return at most `limit` accounts with ids after `after`, sorted by id."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_PAGE, after or _BEFORE_ALL, limit)
        return [_account(row) for row in rows]

    async def rehash(self, user_id: UserId, old_hash: str, new_hash: str) -> None:
        """Replace `old_hash`, unless it has been replaced in the meantime."""
        await self._one(_REHASH, user_id, old_hash, new_hash)

    async def change(
        self, user_id: UserId, old_hash: str, new_hash: str, kept: UUID | None
    ) -> Sequence[Session] | None:
        """Replace `old_hash`, end all sessions of the account except `kept`, and return them."""
        async with self._database.connection() as connection, connection.transaction():
            if not await connection.fetchval(_CHANGE, user_id, old_hash, new_hash):
                return None
            rows = await connection.fetch(_END_SESSIONS, user_id, kept)
            await connection.execute(END_OUTSIDE_TOKENS, user_id, kept)
        return [session_of(row) for row in rows]

    async def _one(self, statement: str, *values: object) -> Any:
        async with self._database.connection() as connection:
            return await connection.fetchrow(statement, *values)


def values_of(account: Account, password_hash: str) -> tuple[object, ...]:
    """Return the parameters of `ADD`."""
    return (
        account.id,
        account.email,
        password_hash,
        account.role,
        account.disabled,
        account.created_at,
        account.outside_tokens_ended_at,
    )


def _account(row: Any) -> Account:
    return Account(
        id=UserId(row["id"]),
        email=row["email"],
        role=Role(row["role"]),
        disabled=row["disabled"],
        created_at=row["created_at"],
        outside_tokens_ended_at=row["outside_tokens_ended_at"],
        kept_outside_token=row["kept_outside_token"],
    )
