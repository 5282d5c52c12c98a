"""Knowing who asks."""

from application.errors import NotAuthenticated
from application.ports.accounts import AccountCache, TokenVerifier
from application.ports.system import Clock
from domain.account import User


class Authenticate:
    """Find the account behind an access token, as it stands now.

    Raises:
        NotAuthenticated: the token is not valid, or its account is gone or disabled.
        TokenExpired: the token was valid once.
    """

    def __init__(self, tokens: TokenVerifier, accounts: AccountCache, clock: Clock) -> None:
        self._tokens = tokens
        self._accounts = accounts
        self._clock = clock

    async def __call__(self, token: str) -> User:
        """The account whose token it is."""
        claims = self._tokens.verify(token, self._clock.now())
        user = await self._accounts.get(claims.user_id)
        if user is None or user.disabled:
            raise NotAuthenticated
        return user
