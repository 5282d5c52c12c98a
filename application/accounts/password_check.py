"""Check an e-mail address and a password."""

from dataclasses import dataclass, field

from application.accounts.login_attempts import LoginAttempts
from application.errors import InvalidCredentials, Unavailable
from application.ports.accounts import Accounts, EmailAddress, Login, PasswordHasher, PasswordStore
from domain.account import normal_password


@dataclass(frozen=True, slots=True)
class Credentials:
    """The e-mail address and password from a login, and the client's IP address."""

    email: EmailAddress = field(repr=False)
    #: The password as it was sent, because passwords weren't normalised when older accounts were
    #: created.
    password: str = field(repr=False)
    address: str


class PasswordCheck:
    """Find the account that belongs to some credentials.

    An unknown account, a disabled account and a wrong password all lead to the same error after
    the same amount of time.

    Raises:
        InvalidCredentials: the account doesn't exist or is disabled, or the password is wrong.
        RateLimited: there were too many failed attempts. In this case even the correct password
            isn't accepted.
        Unavailable: the storage is unreachable, or too many passwords are waiting to be hashed.
            The attempt isn't counted.
    """

    def __init__(
        self,
        accounts: Accounts,
        store: PasswordStore,
        passwords: PasswordHasher,
        attempts: LoginAttempts,
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._passwords = passwords
        self._attempts = attempts

    async def __call__(self, credentials: Credentials) -> Login:
        """Return the account and its password hash. If the hash is outdated, replace it."""
        email, address = credentials.email.stored, credentials.address
        await self._attempts.begin(email, address)
        normal = normal_password(credentials.password)
        try:
            login, password = await self._verified(credentials, normal)
        except Unavailable:
            await self._attempts.refund(email, address)
            raise
        await self._attempts.refund(email, address)
        if password != normal or self._passwords.is_outdated(login.password_hash):
            new_hash = await self._passwords.hash(normal)
            await self._store.rehash(login.account.id, login.password_hash, new_hash)
            return Login(login.account, new_hash)
        return login

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
        self._attempts.fail(credentials.address, login.account.id if login else None)
        raise InvalidCredentials
