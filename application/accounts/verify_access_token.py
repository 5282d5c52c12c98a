"""Verify an access token of this service or of the outside issuer."""

from typing import Final
from uuid import UUID

from application.errors import NotAuthenticated, TokenExpired
from application.ports.accounts import AccessClaims, TokenVerifier
from application.ports.outside_issuer import OutsideTokens
from application.ports.system import Clock
from domain.ids import UserId

#: The user of an outside token. Finding the real one could create an account.
_NO_USER: Final = UserId(UUID(int=0))


class VerifyAccessToken:
    """Return the claims of an access token, without checking if it has been revoked.

    If a token from the outside issuer is unknown, its claims don't have the id of its user.

    Raises:
        NotAuthenticated: the token is not valid.
        TokenExpired: the token has expired.
        IssuerUnavailable: the outside issuer's keys are unknown, and it is unreachable.
    """

    def __init__(self, tokens: TokenVerifier, outside: OutsideTokens, clock: Clock) -> None:
        self._tokens = tokens
        self._outside = outside
        self._clock = clock

    async def __call__(self, token: str) -> AccessClaims:
        """Return the claims. For a known token, this is only a dictionary lookup."""
        now = self._clock.now()
        try:
            return self._tokens.verify(token, now)
        except TokenExpired:
            raise
        except NotAuthenticated:
            return (await self._outside.verify(token, now)).of(_NO_USER)
