"""Let an operator set an account's password."""

from application.accounts.change_account import refuse_closed
from application.errors import NoSuchAccount
from application.ports.accounts import Accounts, EmailAddress, PasswordHasher
from domain.account import Account


class SetPassword:
    """Replace an account's password.

    Raises:
        AccountClosed: the account is closed for good.
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts, passwords: PasswordHasher) -> None:
        self._accounts = accounts
        self._passwords = passwords

    async def __call__(self, email: EmailAddress, password: str) -> Account:
        """Set a password returned by `domain.account.parse_password`, and return the account."""
        await refuse_closed(self._accounts, email)
        password_hash = await self._passwords.hash(password)
        account = await self._accounts.update(*email.spellings, password_hash=password_hash)
        if account is None:
            raise NoSuchAccount
        return account
