"""Confirm a request with the caller's current password."""

from typing import Final

from application.accounts.login_attempts import LoginAttempts
from application.errors import NotAuthenticated, Unavailable, WrongPassword
from application.ports.accounts import Accounts, Login, PasswordHasher
from domain.account import Account, normal_password

#: How often a use case confirms the password if the hash keeps changing. A login may strengthen the
#: hash at the same time, but only when parameters have risen.
CONFIRMATIONS: Final = 3


class PasswordConfirmation:
    """Verify the password of an account that a token was issued for.

    Attempts count towards the limits on logins, so a stolen token doesn't allow more guesses.

    Raises:
        WrongPassword: the account has another password.
        NotAuthenticated: the account no longer exists or is disabled.
        RateLimited: there were too many failed attempts. In this case even the correct password
            isn't accepted.
        Unavailable: the storage is unreachable, or too many passwords are waiting to be hashed.
            The attempt isn't counted.
    """

    def __init__(
        self, accounts: Accounts, passwords: PasswordHasher, attempts: LoginAttempts
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._attempts = attempts

    async def __call__(self, account: Account, password: str, address: str) -> Login:
        """Return the stored account and its hash, which the password matches.

        `password` is unchanged, as it was sent. `address` is the client's.
        """
        await self._attempts.begin(account.email, address)
        try:
            login = await self._login(account)
            is_right = await self._matches(login.password_hash, password)
        except (Unavailable, NotAuthenticated):
            await self._attempts.refund(account.email, address)
            raise
        if not is_right:
            self._attempts.fail(address, account.id)
            raise WrongPassword
        await self._attempts.refund(account.email, address)
        return login

    async def _login(self, account: Account) -> Login:
        """Return the account as it is stored now. Its address may belong to another one by now."""
        login = await self._accounts.login(account.email)
        if login is None or login.account.id != account.id or login.account.disabled:
            raise NotAuthenticated
        return login

    async def _matches(self, stored: str, password: str) -> bool:
        """Compare both forms of the password, because older accounts may have stored either."""
        for form in dict.fromkeys((normal_password(password), password)):
            if await self._passwords.verify(stored, form):
                return True
        return False
