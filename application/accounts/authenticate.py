"""Authenticate a request."""

from application.accounts.caller import Caller
from application.errors import NotAuthenticated
from application.ports.accounts import AccountCache, TokenVerifier
from application.ports.system import Clock
from domain.ids import SessionId


class Authenticate:
    """Find the caller that an access token was issued for.

    Raises:
        NotAuthenticated: the token is not valid, or its account does not exist or is disabled.
        TokenExpired: the token has expired.
    """

    def __init__(self, tokens: TokenVerifier, accounts: AccountCache, clock: Clock) -> None:
        self._tokens = tokens
        self._accounts = accounts
        self._clock = clock

    async def __call__(self, token: str) -> Caller:
        """Return the caller."""
        claims = self._tokens.verify(token, self._clock.now())
        account = await self._accounts.get(claims.user_id)
        if account is None or account.disabled:
            raise NotAuthenticated
        return Caller.of_account(account, SessionId(claims.family))
