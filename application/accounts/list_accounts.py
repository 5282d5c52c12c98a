"""List accounts, for an operator."""

from collections.abc import Sequence

from application.ports.accounts import AccountDirectory
from domain.account import Account
from domain.ids import UserId


class ListAccounts:
    """List accounts, the oldest first, a page at a time."""

    def __init__(self, accounts: AccountDirectory) -> None:
        self._accounts = accounts

    async def __call__(self, limit: int, after: UserId | None = None) -> Sequence[Account]:
        """Return at most `limit` accounts, after `after` if it is given."""
        return await self._accounts.page(limit, after)
