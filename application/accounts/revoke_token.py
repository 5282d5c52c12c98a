"""Revoke a token."""

from application.accounts.ended_sessions import EndedSessions
from application.errors import NotAuthenticated
from application.ports.access_changes import (
    AccessChange,
    AccessChangeKind,
    AccessChanges,
    AccessState,
)
from application.ports.accounts import TokenVerifier
from application.ports.sessions import RefreshTokens, SessionAdmin
from application.ports.system import Clock


class RevokeAccessToken:
    """Revoke a single access token. Texts that are not valid tokens are ignored."""

    def __init__(
        self,
        access_tokens: TokenVerifier,
        changes: AccessChanges,
        access: AccessState,
        clock: Clock,
    ) -> None:
        self._access_tokens = access_tokens
        self._changes = changes
        self._access = access
        self._clock = clock

    async def __call__(self, text: str) -> None:
        """Revoke the token with this text."""
        try:
            claims = self._access_tokens.verify(text, self._clock.now())
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
