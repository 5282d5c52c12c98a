"""Verify an access token of this service or of the outside issuer."""

from application.accounts.outside_user import IdentifyOutsideUser
from application.errors import NotAuthenticated, TokenExpired
from application.ports.accounts import AccessClaims, TokenVerifier
from application.ports.system import Clock


class VerifyAccessToken:
    """Return the claims of an access token, without checking if it has been revoked.

    Raises:
        NotAuthenticated: the token is not valid.
        TokenExpired: the token has expired.
        Unavailable: only for tokens from the outside issuer (see `IdentifyOutsideUser`).
    """

    def __init__(self, tokens: TokenVerifier, outside: IdentifyOutsideUser, clock: Clock) -> None:
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
            return await self._outside(token, now)
