"""The operator's work on accounts."""

from application.errors import NoSuchAccount
from application.ports.accounts import Accounts, EmailAddress
from domain.account import User
from domain.actor import Role


class GrantRole:
    """Make an account staff's, or a user's again.

    Raises:
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, email: EmailAddress, role: Role) -> User:
        """Give the account the role."""
        return _existing(await self._accounts.update(*email.spellings, role=role))


class DisableAccount:
    """Let nobody in with an account any more; its orders stay.

    Raises:
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, email: EmailAddress) -> User:
        """Disable the account."""
        return _existing(await self._accounts.update(*email.spellings, disabled=True))


class EnableAccount:
    """Let a disabled account in again.

    Raises:
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, email: EmailAddress) -> User:
        """Enable the account."""
        return _existing(await self._accounts.update(*email.spellings, disabled=False))


def _existing(user: User | None) -> User:
    if user is None:
        raise NoSuchAccount
    return user
