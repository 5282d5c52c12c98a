"""Set the password of an account, for an operator."""

from application.errors import NoSuchAccount
from application.ports.accounts import Accounts, EmailAddress, PasswordHasher
from domain.account import Account


class SetPassword:
    """Replace the password of an account.

    Raises:
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts, passwords: PasswordHasher) -> None:
        self._accounts = accounts
        self._passwords = passwords

    async def __call__(self, email: EmailAddress, password: str) -> Account:
        """Set a password that `domain.account.parse_password` has accepted; return the account."""
        password_hash = await self._passwords.hash(password)
        account = await self._accounts.update(*email.spellings, password_hash=password_hash)
        if account is None:
            raise NoSuchAccount
        return account
