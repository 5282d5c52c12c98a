"""Setting the password of an account, by an operator."""

from application.errors import NoSuchAccount
from application.ports.accounts import Accounts, EmailAddress, PasswordHasher
from domain.account import User


class SetPassword:
    """Replace the password of an account; from then on only the new one logs in.

    Raises:
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts, passwords: PasswordHasher) -> None:
        self._accounts = accounts
        self._passwords = passwords

    async def __call__(self, email: EmailAddress, password: str) -> User:
        """Set the password, which keeps the rules (`domain.account.parse_password`)."""
        password_hash = await self._passwords.hash(password)
        user = await self._accounts.update(*email.spellings, password_hash=password_hash)
        if user is None:
            raise NoSuchAccount
        return user
