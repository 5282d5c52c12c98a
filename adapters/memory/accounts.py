"""Store accounts in memory."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from adapters.memory.storage import MemoryStorage
from application.ports.accounts import Login
from application.ports.sessions import Session
from domain.account import Account
from domain.actor import Role
from domain.errors import EmailTaken
from domain.ids import UserId


class MemoryAccounts:
    """`Accounts`, `AccountDirectory` and `PasswordStore` in memory."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self._logins = storage.logins
        self._ids = storage.user_ids_by_email

    async def add(self, account: Account, password_hash: str, *older_spellings: str) -> None:
        """Store a new account.

        Raises:
            EmailTaken: there is already an account with this address or one of its older spellings.
        """
        if any(email in self._ids for email in (account.email, *older_spellings)):
            raise EmailTaken
        self._ids[account.email] = account.id
        self._logins[account.id] = Login(account, password_hash)

    async def login(self, *spellings: str) -> Login | None:
        """Return the account with one of these spellings and its password hash, if it exists."""
        found = [self._ids[email] for email in spellings if email in self._ids]
        return self._logins[found[0]] if found else None

    async def find(self, user_id: UserId) -> Account | None:
        """Return the account, or None if it does not exist."""
        login = self._logins.get(user_id)
        return login.account if login else None

    async def update(
        self,
        *spellings: str,
        role: Role | None = None,
        disabled: bool | None = None,
        password_hash: str | None = None,
    ) -> Account | None:
        """Change the given values. Return the updated account, or None if it doesn't exist."""
        login = await self.login(*spellings)
        if login is None:
            return None
        account = replace(
            login.account,
            role=login.account.role if role is None else role,
            disabled=login.account.disabled if disabled is None else disabled,
        )
        self._logins[account.id] = Login(account, password_hash or login.password_hash)
        if account != login.account:
            self._storage.note_account_change(account.id)
        if password_hash is not None:
            self._storage.end_sessions_of(account.id)
            self._storage.end_outside_tokens(account.id)
        return self._logins[account.id].account

    async def page(self, limit: int, after: UserId | None = None) -> Sequence[Account]:
        """Return at most `limit` accounts with ids after `after`, sorted by id."""
        behind = sorted(each for each in self._logins if after is None or each > after)
        return [self._logins[user_id].account for user_id in behind[:limit]]

    async def rehash(self, user_id: UserId, old_hash: str, new_hash: str) -> None:
        """Replace `old_hash`, unless it has been replaced in the meantime."""
        login = self._logins.get(user_id)
        if login is not None and login.password_hash == old_hash:
            self._logins[user_id] = replace(login, password_hash=new_hash)

    async def change(
        self, user_id: UserId, old_hash: str, new_hash: str, kept: UUID | None
    ) -> Sequence[Session] | None:
        """Replace `old_hash`, end all sessions of the account except `kept`, and return them."""
        login = self._logins.get(user_id)
        if login is None or login.password_hash != old_hash or login.account.disabled:
            return None
        self._logins[user_id] = replace(login, password_hash=new_hash)
        sessions = [each for each in self._storage.sessions.values() if each.user_id == user_id]
        ended = [each for each in sessions if each.id != kept]
        for session in ended:
            self._storage.end_session(session.id)
        self._storage.end_outside_tokens(user_id, kept)
        return ended
