"""Change accounts, for an operator."""

from application.errors import NoSuchAccount
from application.ports.accounts import Accounts, EmailAddress
from domain.account import Account
from domain.actor import Role


class GrantRole:
    """Change the role of an account.

    Raises:
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, email: EmailAddress, role: Role) -> Account:
        """Set the role; return the account."""
        return _existing(await self._accounts.update(*email.spellings, role=role))


class DisableAccount:
    """Disable an account, so that no login or token of it is accepted. Its orders stay.

    Raises:
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, email: EmailAddress) -> Account:
        """Disable the account; return it."""
        return _existing(await self._accounts.update(*email.spellings, disabled=True))


class EnableAccount:
    """Enable a disabled account.

    Raises:
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, email: EmailAddress) -> Account:
        """Enable the account; return it."""
        return _existing(await self._accounts.update(*email.spellings, disabled=False))


def _existing(account: Account | None) -> Account:
    if account is None:
        raise NoSuchAccount
    return account
