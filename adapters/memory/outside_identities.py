"""Store the subjects of the outside issuer in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adapters.memory.accounts import MemoryAccounts
from adapters.memory.storage import MemoryStorage
from application.errors import NotAuthenticated
from application.ports.outside_issuer import OutsideIdentity
from domain.account import Account, is_issued_after
from domain.ids import UserId


class MemoryOutsideIdentities:
    """`OutsideIdentities` in memory."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._accounts = MemoryAccounts(storage)
        self._identities = storage.outside_identities
        self._closed = storage.closed_subjects

    async def find(self, identity: OutsideIdentity) -> UserId | None:
        """Return the id of the subject's account, or None if it doesn't have one."""
        return self._identities.get(identity)

    async def add(
        self,
        identity: OutsideIdentity,
        account: Account,
        password_hash: str,
        *older_spellings: str,
        issued_at: datetime,
    ) -> UserId:
        """Store a new account for a subject, unless it has one, and return its account's id."""
        known = self._identities.get(identity)
        if known is not None:
            return known
        closed_at = self._closed.get(identity.digest)
        if closed_at is not None:
            if not is_issued_after(issued_at, closed_at):
                raise NotAuthenticated
            account = replace(account, outside_tokens_ended_at=closed_at)
        await self._accounts.add(account, password_hash, *older_spellings)
        self._identities[identity] = account.id
        return account.id

    async def of_user(self, user_id: UserId) -> Sequence[OutsideIdentity]:
        """Return the subjects that an account belongs to."""
        found = [each for each, owner in self._identities.items() if owner == user_id]
        return sorted(found, key=lambda each: (each.issuer, each.subject))
