"""Store the subjects of the outside issuer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from adapters.postgres.accounts import ADD, PostgresAccounts, values_of
from adapters.postgres.database import Database
from application.errors import ConcurrentUpdate, NotAuthenticated
from application.ports.outside_issuer import OutsideIdentity
from domain.account import Account, is_issued_after
from domain.errors import EmailTaken
from domain.ids import UserId

_FIND: Final = "SELECT user_id FROM outside_identities WHERE issuer = $1 AND subject = $2"
#: Waits for a concurrent transaction with the same subject. The account doesn't exist yet, so its
#: foreign key is checked at the end of the transaction.
_CLAIM: Final = """
INSERT INTO outside_identities (issuer, subject, user_id) VALUES ($1, $2, $3)
ON CONFLICT (issuer, subject) DO NOTHING
RETURNING user_id
"""
_CLOSED_AT: Final = "SELECT closed_at FROM closed_subjects WHERE digest = $1"
_OF_USER: Final = """
SELECT issuer, subject FROM outside_identities WHERE user_id = $1 ORDER BY issuer, subject
"""


class PostgresOutsideIdentities:
    """`OutsideIdentities` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._accounts = PostgresAccounts(database)

    async def find(self, identity: OutsideIdentity) -> UserId | None:
        """Return the id of the subject's account, or None if it doesn't have one."""
        async with self._database.connection() as connection:
            found = await connection.fetchval(_FIND, identity.issuer, identity.subject)
        return None if found is None else UserId(found)

    async def add(
        self,
        identity: OutsideIdentity,
        account: Account,
        password_hash: str,
        *older_spellings: str,
        issued_at: datetime,
    ) -> UserId:
        """Store a new account for a subject, unless it has one, and return its account's id.

        Raises:
            NotAuthenticated: an account of the subject was closed after the token was issued.
            EmailTaken: there is already an account with this address or one of its older spellings.
        """
        if older_spellings and await self._accounts.login(*older_spellings):
            raise EmailTaken
        key = (identity.issuer, identity.subject)
        async with self._database.connection() as connection, connection.transaction():
            if await connection.fetchval(_CLAIM, *key, account.id) is not None:
                # This is another statement, because the claim may have waited for the closure.
                closed_at = await connection.fetchval(_CLOSED_AT, identity.digest)
                if closed_at is not None and not is_issued_after(issued_at, closed_at):
                    raise NotAuthenticated
                account = replace(account, outside_tokens_ended_at=closed_at)
                await connection.execute(ADD, *values_of(account, password_hash))
                return account.id
            known = await connection.fetchval(_FIND, *key)
        if known is None:  # its account was erased in the meantime
            raise ConcurrentUpdate
        return UserId(known)

    async def of_user(self, user_id: UserId) -> Sequence[OutsideIdentity]:
        """Return the subjects that an account belongs to."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_OF_USER, user_id)
        return [OutsideIdentity(row["issuer"], row["subject"]) for row in rows]
