"""Check an e-mail address and a password."""

from dataclasses import dataclass

from application.accounts.login_limits import LoginLimits
from application.errors import InvalidCredentials
from application.ports.accounts import Accounts, EmailAddress, Login, PasswordHasher, PasswordStore
from domain.account import Account, normal_password


@dataclass(frozen=True, slots=True)
class Credentials:
    """The e-mail address and password from a login, and the client's IP address."""

    email: EmailAddress
    #: The password as it was sent, because passwords weren't normalised when older accounts were
    #: created.
    password: str
    address: str


class PasswordCheck:
    """Find the account that belongs to some credentials.

    An unknown account, a disabled account and a wrong password all lead to the same error after
    the same amount of time.

    Raises:
        InvalidCredentials: the account doesn't exist or is disabled, or the password is wrong.
        RateLimited: there were too many failed attempts. In this case even the correct password
            isn't accepted.
    """

    def __init__(
        self,
        accounts: Accounts,
        store: PasswordStore,
        passwords: PasswordHasher,
        limits: LoginLimits,
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._passwords = passwords
        self._limits = limits

    async def __call__(self, credentials: Credentials) -> Account:
        """Return the account. If its password hash is outdated, replace it."""
        await self._limits.hit(credentials.email.stored, credentials.address)
        normal = normal_password(credentials.password)
        login, password = await self._verified(credentials, normal)
        await self._limits.refund(credentials.email.stored, credentials.address)
        if password != normal or self._passwords.is_outdated(login.password_hash):
            new_hash = await self._passwords.hash(normal)
            await self._store.rehash(login.account.id, login.password_hash, new_hash)
        return login.account

    async def _verified(self, credentials: Credentials, normal: str) -> tuple[Login, str]:
        """Return the account and the form of the password that matched its hash."""
        login = await self._accounts.login(*credentials.email.spellings)
        stored = login.password_hash if login else None
        # Both forms are also tried for an unknown account, which makes it take as long as a wrong
        # password.
        for password in dict.fromkeys((normal, credentials.password)):
            right = await self._passwords.verify(stored, password)
            if right and login is not None and not login.account.disabled:
                return login, password
        raise InvalidCredentials
