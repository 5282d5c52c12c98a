"""Trading a password for a token."""

from dataclasses import dataclass

from application.accounts.login_limits import LoginLimits
from application.errors import InvalidCredentials
from application.ports.accounts import (
    AccessToken,
    Accounts,
    EmailAddress,
    Login,
    PasswordHasher,
    PasswordStore,
    TokenIssuer,
)
from application.ports.system import Clock, IdGenerator
from domain.account import normal_password


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody says who wants to log in, and the address that they ask from."""

    email: EmailAddress
    #: As it was sent: older accounts have hashes of passwords that were not normalised.
    password: str
    address: str


class LogIn:
    """Trade an address and a password for an access token.

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
        tokens: TokenIssuer,
        clock: Clock,
        ids: IdGenerator,
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._passwords = passwords
        self._limits = limits
        self._tokens = tokens
        self._clock = clock
        self._ids = ids

    async def __call__(self, credentials: Credentials) -> AccessToken:
        """Log in."""
        await self._limits.hit(credentials.email.stored, credentials.address)
        normal = normal_password(credentials.password)
        login, password = await self._check(credentials, normal)
        await self._limits.refund(credentials.email.stored, credentials.address)
        if password != normal or self._passwords.is_outdated(login.password_hash):
            await self._rehash(login, normal)
        now = self._clock.now()
        return self._tokens.issue(login.user.id, self._ids.new(now), self._ids.new(now), now)

    async def _check(self, credentials: Credentials, normal: str) -> tuple[Login, str]:
        """The account, and the form of the password that its hash was made of."""
        login = await self._accounts.login(*credentials.email.spellings)
        stored = login.password_hash if login else None
        # An unknown account and a wrong password have both forms tried, and so take as long.
        for password in dict.fromkeys((normal, credentials.password)):
            right = await self._passwords.verify(stored, password)
            if right and login is not None and not login.user.disabled:
                return login, password
        raise InvalidCredentials

    async def _rehash(self, login: Login, password: str) -> None:
        new_hash = await self._passwords.hash(password)
        await self._store.rehash(login.user.id, login.password_hash, new_hash)
