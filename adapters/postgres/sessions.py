"""Store sessions and refresh tokens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from application.accounts.refresh_policy import ENDING, GRACE, judge
from application.ports.sessions import MAX_SESSIONS, RefreshToken, Renewal, Session, Verdict
from domain.ids import SessionId, UserId

# The lock on the account makes a password change wait for this statement, or the other way round.
_BEGIN: Final = """
WITH account AS (
    SELECT id FROM users WHERE id = $2 AND password_hash = $11 AND NOT disabled FOR SHARE
), begun AS (
    INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, tokens_expire_at,
                          address, user_agent, handle_hash)
    SELECT $1, id, $3::timestamptz, $4, $5, $6, $7, $8, $9 FROM account
    RETURNING id
)
INSERT INTO refresh_tokens (token_hash, session_id, issued_at)
SELECT $10, id, $3::timestamptz FROM begun
RETURNING session_id
"""
# Ids sort by the time of the login.
_END_OLDEST: Final = """
DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE user_id = $1 ORDER BY id DESC OFFSET $2
)
"""

_LOCK: Final = """
SELECT sessions.*, users.disabled FROM sessions JOIN users ON users.id = sessions.user_id
WHERE handle_hash = $1
FOR UPDATE OF sessions
"""
_TOKEN: Final = "SELECT spent_at FROM refresh_tokens WHERE token_hash = $1 AND session_id = $2"  # noqa: S105 - a statement
# Earlier access tokens expire later if ACCESS_TOKEN_TTL has been lowered since.
_RENEW: Final = """
UPDATE sessions SET last_used_at = $2, expires_at = $3, address = $5, user_agent = $6,
                    tokens_expire_at = greatest(tokens_expire_at, $4)
WHERE id = $1
RETURNING *
"""
_SPEND: Final = """
UPDATE refresh_tokens SET spent_at = coalesce(spent_at, $2) WHERE token_hash = $1
"""
_ISSUE: Final = """
INSERT INTO refresh_tokens (token_hash, session_id, issued_at, predecessor_hash)
VALUES ($1, $2, $3, $4)
"""
# A token whose successor is used is forgotten at once, so using it again ends the session.
_FORGET_SPENT: Final = """
DELETE FROM refresh_tokens WHERE session_id = $1 AND (
    spent_at < $2
    OR token_hash = (SELECT predecessor_hash FROM refresh_tokens WHERE token_hash = $3)
)
"""

_OF_USER: Final = """
SELECT * FROM sessions WHERE user_id = $1 AND expires_at > $2 ORDER BY id DESC
"""
_END: Final = "DELETE FROM sessions WHERE user_id = $1 AND id = $2 RETURNING *"
_END_BY_HANDLE: Final = "DELETE FROM sessions WHERE handle_hash = $1 RETURNING *"
END_ALL: Final = "DELETE FROM sessions WHERE user_id = $1 RETURNING *"
# The transaction may have waited for a lock, so its own time may be too early.
END_OUTSIDE_TOKENS: Final = """
UPDATE users SET outside_tokens_ended_at = clock_timestamp(), kept_outside_token = $2
WHERE id = $1 AND EXISTS (SELECT FROM outside_identities WHERE user_id = $1)
RETURNING *
"""


class PostgresSessions:
    """`Sessions` and `SessionAdmin` for PostgreSQL.

    A trigger adds ended sessions to the feed (migration 0006).
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, session: Session, token: RefreshToken, password_hash: str) -> bool:
        """Store a new session, unless the account has another password or is disabled."""
        values = (
            session.id,
            session.user_id,
            session.created_at,
            session.last_used_at,
            session.expires_at,
            session.tokens_expire_at,
            session.address,
            session.user_agent,
            token.handle_hash,
            token.token_hash,
            password_hash,
        )
        async with self._database.connection() as connection, connection.transaction():
            if await connection.fetchval(_BEGIN, *values) is None:
                return False
            await connection.execute(_END_OLDEST, session.user_id, MAX_SESSIONS)
        return True

    async def renew(self, renewal: Renewal) -> tuple[Verdict, Session | None]:
        """Exchange a token for its successor, and return the session as it is afterwards."""
        async with self._database.connection() as connection, connection.transaction():
            row = await connection.fetchrow(_LOCK, renewal.token.handle_hash)
            if row is None:
                return Verdict.UNKNOWN, None
            # This has to be another statement, because the lock may have been waiting for a renewal
            # that the snapshot of its own statement doesn't contain.
            token = await connection.fetchrow(_TOKEN, renewal.token.token_hash, row["id"])
            session = session_of(row)
            verdict = judge(
                session,
                renewal,
                is_live=token is not None,
                spent_at=token and token["spent_at"],
                disabled=row["disabled"],
            )
            if verdict is Verdict.RENEWED:
                session = await _renew(connection, session.id, renewal)
            elif verdict in ENDING:
                await connection.execute(_END, session.user_id, session.id)
        return verdict, session

    async def of_user(self, user_id: UserId, now: datetime) -> Sequence[Session]:
        """Return the user's sessions that have not expired, newest first."""
        return await self._fetch(_OF_USER, user_id, now)

    async def end(self, user_id: UserId, session_id: SessionId) -> Session | None:
        """End a user's session and return it, or None if the user has no such session."""
        ended = await self._fetch(_END, user_id, session_id)
        return ended[0] if ended else None

    async def end_by_token(self, token: RefreshToken) -> Session | None:
        """End the session of a token, even if it was spent. Return it, or None if it's unknown."""
        ended = await self._fetch(_END_BY_HANDLE, token.handle_hash)
        return ended[0] if ended else None

    async def end_all(self, user_id: UserId) -> Sequence[Session]:
        """End all sessions and outside tokens of a user. Return the sessions."""
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute(END_OUTSIDE_TOKENS, user_id, None)
            return [session_of(row) for row in await connection.fetch(END_ALL, user_id)]

    async def _fetch(self, statement: str, *values: object) -> Sequence[Session]:
        async with self._database.connection() as connection:
            return [session_of(row) for row in await connection.fetch(statement, *values)]


async def _renew(connection: Connection, session_id: SessionId, renewal: Renewal) -> Session:
    now, device = renewal.now, renewal.device
    spent, issued = renewal.token.token_hash, renewal.successor.token_hash
    await connection.execute(_FORGET_SPENT, session_id, now - GRACE, spent)
    await connection.execute(_SPEND, spent, now)
    await connection.execute(_ISSUE, issued, session_id, now, spent)
    row = await connection.fetchrow(
        _RENEW,
        session_id,
        now,
        renewal.expires_at,
        renewal.tokens_expire_at,
        device.address,
        device.user_agent,
    )
    return session_of(row)


def session_of(row: Any) -> Session:
    """Return the session in a row of `sessions`."""
    return Session(
        id=SessionId(row["id"]),
        user_id=UserId(row["user_id"]),
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        expires_at=row["expires_at"],
        tokens_expire_at=row["tokens_expire_at"],
        address=row["address"],
        user_agent=row["user_agent"],
    )
