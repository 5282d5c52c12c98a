"""Let an operator change accounts."""

from application.errors import NoSuchAccount
from application.ports.accounts import Accounts, EmailAddress
from domain.account import Account
from domain.actor import Role


class GrantRole:
    """Change an account's role.

    Raises:
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, email: EmailAddress, role: Role) -> Account:
        """Set the role and return the account."""
        return _existing(await self._accounts.update(*email.spellings, role=role))


class DisableAccount:
    """Disable an account. Its logins and tokens stop working, but its orders are kept.

    Raises:
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, email: EmailAddress) -> Account:
        """Disable the account and return it."""
        return _existing(await self._accounts.update(*email.spellings, disabled=True))


class EnableAccount:
    """Enable a disabled account.

    Raises:
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, email: EmailAddress) -> Account:
        """Enable the account and return it."""
        return _existing(await self._accounts.update(*email.spellings, disabled=False))


def _existing(account: Account | None) -> Account:
    if account is None:
        raise NoSuchAccount
    return account
