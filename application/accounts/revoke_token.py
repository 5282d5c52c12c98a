"""Revoke a token."""

from application.accounts.ended_sessions import EndedSessions
from application.accounts.verify_access_token import VerifyAccessToken
from application.errors import NotAuthenticated
from application.ports.access_changes import (
    AccessChange,
    AccessChangeKind,
    AccessChanges,
    AccessState,
)
from application.ports.sessions import RefreshTokens, SessionAdmin


class RevokeAccessToken:
    """Revoke a single access token. Texts that are not valid tokens are ignored.

    A token from the outside issuer ends here only. The issuer does not learn of it. If its keys are
    unknown, nothing is revoked, because anyone could otherwise fill the feed with forged tokens.

    Raises:
        IssuerUnavailable: the outside issuer's keys are unknown, and it is unreachable.
    """

    def __init__(
        self, verify: VerifyAccessToken, changes: AccessChanges, access: AccessState
    ) -> None:
        self._verify = verify
        self._changes = changes
        self._access = access

    async def __call__(self, text: str) -> None:
        """Revoke the token with this text."""
        try:
            claims = await self._verify(text)
        except NotAuthenticated:
            return
        if await self._access.is_revoked(claims):
            return  # otherwise anyone could fill the feed with one token
        change = AccessChange(AccessChangeKind.TOKEN, claims.token_id, claims.expires_at)
        await self._changes.add(change)
        self._access.apply(change)


class RevokeToken:
    """Revoke an access token, or end the session of a refresh token (RFC 7009).

    Holding a token is enough to revoke it. Tokens that are not valid anyway are ignored.
    """

    def __init__(
        self,
        sessions: SessionAdmin,
        refresh_tokens: RefreshTokens,
        ended: EndedSessions,
        revoke_access_token: RevokeAccessToken,
    ) -> None:
        self._sessions = sessions
        self._refresh_tokens = refresh_tokens
        self._ended = ended
        self._revoke_access_token = revoke_access_token

    async def __call__(self, text: str, address: str) -> None:
        """Revoke the token with this text. `address` is where the request came from."""
        token = self._refresh_tokens.parse(text)
        if token is None:
            await self._revoke_access_token(text)
        elif session := await self._sessions.end_by_token(token):
            self._ended.follow_up([session], address)
