"""Check an address and a password."""

from dataclasses import dataclass

from application.accounts.login_limits import LoginLimits
from application.errors import InvalidCredentials
from application.ports.accounts import Accounts, EmailAddress, Login, PasswordHasher, PasswordStore
from domain.account import Account, normal_password


@dataclass(frozen=True, slots=True)
class Credentials:
    """The address and the password of a login, and the client's IP address."""

    email: EmailAddress
    #: As it was sent: older accounts have hashes of passwords that were not normalised.
    password: str
    address: str


class PasswordCheck:
    """Find the account of some credentials.

    The answer, and the time that it takes, is the same for an unknown account, a disabled one and
    a wrong password.

    Raises:
        InvalidCredentials: no such account, wrong password, or a disabled account.
        RateLimited: too many of these; the right password does not help either.
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
        """Return the account. Replace an outdated hash of its password."""
        await self._limits.hit(credentials.email.stored, credentials.address)
        normal = normal_password(credentials.password)
        login, password = await self._verified(credentials, normal)
        await self._limits.refund(credentials.email.stored, credentials.address)
        if password != normal or self._passwords.is_outdated(login.password_hash):
            new_hash = await self._passwords.hash(normal)
            await self._store.rehash(login.account.id, login.password_hash, new_hash)
        return login.account

    async def _verified(self, credentials: Credentials, normal: str) -> tuple[Login, str]:
        """Return the account, and the form of the password that its hash was made of."""
        login = await self._accounts.login(*credentials.email.spellings)
        stored = login.password_hash if login else None
        # An unknown account and a wrong password have both forms tried, and so take as long.
        for password in dict.fromkeys((normal, credentials.password)):
            right = await self._passwords.verify(stored, password)
            if right and login is not None and not login.account.disabled:
                return login, password
        raise InvalidCredentials
