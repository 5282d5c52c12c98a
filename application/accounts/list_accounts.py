"""Let an operator list accounts."""

from collections.abc import Sequence

from application.ports.accounts import AccountDirectory
from domain.account import Account
from domain.ids import UserId


class ListAccounts:
    """List accounts page by page, oldest first."""

    def __init__(self, accounts: AccountDirectory) -> None:
        self._accounts = accounts

    async def __call__(self, limit: int, after: UserId | None = None) -> Sequence[Account]:
        """Return at most `limit` accounts. Start after the account `after` if it's given."""
        return await self._accounts.page(limit, after)
