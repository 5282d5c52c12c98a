"""Exchange a refresh token for new tokens."""

from application.accounts.ended_sessions import EndedSessions
from application.accounts.session_tokens import SessionTokenFactory, SessionTokens
from application.errors import InvalidRefreshToken
from application.ports.authentication_log import AuthenticationEventKind
from application.ports.sessions import Device, RefreshTokens, Sessions, Verdict


class RefreshSession:
    """Exchange a refresh token for new tokens of its session (RFC 6749, section 6).

    Raises:
        InvalidRefreshToken: the token is unknown, has expired or was spent before, or its account
            is disabled. A spent token also ends its session.
    """

    def __init__(
        self,
        sessions: Sessions,
        refresh_tokens: RefreshTokens,
        factory: SessionTokenFactory,
        ended: EndedSessions,
    ) -> None:
        self._sessions = sessions
        self._refresh_tokens = refresh_tokens
        self._factory = factory
        self._ended = ended

    async def __call__(self, text: str, device: Device) -> SessionTokens:
        """Return the session's new tokens."""
        token = self._refresh_tokens.parse(text)
        if token is None:
            raise InvalidRefreshToken
        renewal = self._factory.renewal(token, device)
        verdict, session = await self._sessions.renew(renewal)
        if session is not None and verdict is Verdict.RENEWED:
            return SessionTokens(self._factory.access(session), renewal.successor)
        if session is not None and verdict is Verdict.REUSED:
            kind = AuthenticationEventKind.REFRESH_TOKEN_REUSED
            self._ended.follow_up([session], device.address, kind)
        raise InvalidRefreshToken
