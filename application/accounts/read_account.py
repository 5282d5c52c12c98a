"""Read the account of the caller."""

from application.errors import NotAuthenticated
from application.ports.accounts import Accounts
from domain.account import Account
from domain.ids import UserId


class ReadAccount:
    """Return an account as it is stored now, past the cache that authenticates requests.

    Raises:
        NotAuthenticated: the account does not exist any more, or is disabled.
        Unavailable: the storage is out of reach.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, user_id: UserId) -> Account:
        """Read the account."""
        account = await self._accounts.find(user_id)
        if account is None or account.disabled:
            raise NotAuthenticated
        return account
