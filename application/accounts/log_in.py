"""Exchange a password for an access token."""

from application.accounts.password_check import Credentials, PasswordCheck
from application.ports.accounts import AccessToken, TokenIssuer
from application.ports.system import Clock, IdGenerator


class LogIn:
    """Exchange an e-mail address and a password for an access token.

    Raises:
        InvalidCredentials, RateLimited: see `PasswordCheck`.
    """

    def __init__(
        self, check: PasswordCheck, tokens: TokenIssuer, clock: Clock, ids: IdGenerator
    ) -> None:
        self._check = check
        self._tokens = tokens
        self._clock = clock
        self._ids = ids

    async def __call__(self, credentials: Credentials) -> AccessToken:
        """Check the credentials and issue a token."""
        account = await self._check(credentials)
        now = self._clock.now()
        return self._tokens.issue(account.id, self._ids.new(now), self._ids.new(now), now)
