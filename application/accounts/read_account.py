"""Read the caller's account."""

from application.errors import NotAuthenticated
from application.ports.accounts import Accounts
from domain.account import Account
from domain.ids import UserId


class ReadAccount:
    """Read an account from the storage, without the cache that authentication uses.

    Raises:
        NotAuthenticated: the account no longer exists or is disabled.
        Unavailable: the storage is unreachable.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, user_id: UserId) -> Account:
        """Return the account."""
        account = await self._accounts.find(user_id)
        if account is None or account.disabled:
            raise NotAuthenticated
        return account
