"""Authenticate a request."""

from application.accounts.caller import Caller
from application.accounts.outside_user import IdentifyOutsideUser
from application.errors import NotAuthenticated, TokenExpired
from application.ports.access_changes import AccessState
from application.ports.accounts import AccessClaims, ClientGrant, TokenVerifier
from application.ports.system import Clock
from domain.ids import SessionId


class Authenticate:
    """Find the caller that an access token was issued for.

    Raises:
        NotAuthenticated: the token or its machine client is not valid or has been revoked, or its
            account does not exist or is disabled.
        Unavailable: whether the token has been revoked is unknown, or the outside issuer that it
            comes from is unreachable.
        TokenExpired: the token has expired.
    """

    def __init__(
        self, tokens: TokenVerifier, outside: IdentifyOutsideUser, access: AccessState, clock: Clock
    ) -> None:
        self._tokens = tokens
        self._outside = outside
        self._access = access
        self._clock = clock

    async def __call__(self, token: str) -> Caller:
        """Return the caller."""
        # Every request runs this. Calling `VerifyAccessToken` would make it take a sixth longer.
        now = self._clock.now()
        try:
            claims = self._tokens.verify(token, now)
        except TokenExpired:
            raise
        except NotAuthenticated:
            claims = await self._outside(token, now)
        if claims.client is not None:
            return await self._client(claims, claims.client)
        account = await self._access.account_of(claims)
        if account is None or account.disabled:
            raise NotAuthenticated
        if not claims.is_outside:
            return Caller.of_account(account, SessionId(claims.family))
        if not account.accepts_outside_token(claims.token_id, claims.issued_at):
            raise NotAuthenticated
        return Caller.of_account(account, None, claims.token_id)

    async def _client(self, claims: AccessClaims, client: ClientGrant) -> Caller:
        if await self._access.is_revoked(claims):
            raise NotAuthenticated
        return Caller.of_client(client)
