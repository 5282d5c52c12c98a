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
from application.ports.sessions import RefreshToken, RefreshTokens, Sessions
from application.ports.system import Clock


class RevokeToken:
    """Revoke an access token, or end the session of a refresh token (RFC 7009).

    Holding a token is enough to revoke it. Tokens that are not valid anyway are ignored.
    """

    def __init__(
        self,
        sessions: Sessions,
        refresh_tokens: RefreshTokens,
        access_tokens: TokenVerifier,
        changes: AccessChanges,
        access: AccessState,
        ended: EndedSessions,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._refresh_tokens = refresh_tokens
        self._access_tokens = access_tokens
        self._changes = changes
        self._access = access
        self._ended = ended
        self._clock = clock

    async def __call__(self, text: str, address: str) -> None:
        """Revoke the token with this text. `address` is where the request came from."""
        token = self._refresh_tokens.parse(text)
        if token is not None:
            await self._end_session(token, address)
        else:
            await self._revoke(text)

    async def _end_session(self, token: RefreshToken, address: str) -> None:
        session = await self._sessions.end_by_token(token)
        if session is not None:
            self._ended.follow_up([session], address)

    async def _revoke(self, text: str) -> None:
        try:
            claims = self._access_tokens.verify(text, self._clock.now())
        except NotAuthenticated:
            return
        change = AccessChange(AccessChangeKind.TOKEN, claims.token_id, claims.expires_at)
        await self._changes.add(change)
        self._access.apply(change)
