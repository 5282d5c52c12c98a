"""Let an operator change accounts."""

from application.errors import AccountClosed, NoSuchAccount
from application.ports.accounts import Accounts, EmailAddress
from domain.account import Account
from domain.actor import Role


class GrantRole:
    """Change an account's role.

    Raises:
        AccountClosed: the account is closed for good.
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, email: EmailAddress, role: Role) -> Account:
        """Set the role and return the account."""
        await refuse_closed(self._accounts, email)
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
        AccountClosed: the account is closed for good.
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, email: EmailAddress) -> Account:
        """Enable the account and return it."""
        await refuse_closed(self._accounts, email)
        return _existing(await self._accounts.update(*email.spellings, disabled=False))


async def refuse_closed(accounts: Accounts, email: EmailAddress) -> None:
    """Check that the account wasn't closed. Closing replaces its address, so this can't race.

    Raises:
        AccountClosed: it was closed.
    """
    login = await accounts.login(*email.spellings)
    if login is not None and login.account.is_erased:
        raise AccountClosed


def _existing(account: Account | None) -> Account:
    if account is None:
        raise NoSuchAccount
    return account
