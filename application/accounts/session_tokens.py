"""Make the tokens of sessions."""

from dataclasses import dataclass
from datetime import timedelta

from application.ports.accounts import AccessToken, TokenIssuer
from application.ports.sessions import (
    Device,
    RefreshToken,
    RefreshTokens,
    Renewal,
    Session,
)
from application.ports.system import Clock, IdGenerator
from domain.ids import SessionId, UserId


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """The tokens of a session: a new access token and a new refresh token."""

    access: AccessToken
    refresh: RefreshToken


class SessionTokenFactory:
    """Makes new sessions, renewals and their tokens. It doesn't store anything."""

    def __init__(
        self,
        access_tokens: TokenIssuer,
        refresh_tokens: RefreshTokens,
        clock: Clock,
        ids: IdGenerator,
    ) -> None:
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._clock = clock
        self._ids = ids

    def begin(self, user_id: UserId, device: Device) -> tuple[Session, SessionTokens]:
        """Return a new session and its tokens."""
        now = self._clock.now()
        session = Session(
            id=SessionId(self._ids.new(now)),
            user_id=user_id,
            created_at=now,
            last_used_at=now,
            expires_at=now + timedelta(seconds=self._refresh_tokens.lifetime),
            tokens_expire_at=now + timedelta(seconds=self._access_tokens.lifetime),
            address=device.address,
            user_agent=device.user_agent,
        )
        return session, SessionTokens(self.access(session), self._refresh_tokens.new())

    def renewal(self, token: RefreshToken, device: Device) -> Renewal:
        """Return the exchange of a token for a new one."""
        now = self._clock.now()
        return Renewal(
            token,
            self._refresh_tokens.successor(token),
            device,
            now=now,
            expires_at=now + timedelta(seconds=self._refresh_tokens.lifetime),
            tokens_expire_at=now + timedelta(seconds=self._access_tokens.lifetime),
        )

    def access(self, session: Session) -> AccessToken:
        """Return an access token that was issued when the session was last used."""
        now = session.last_used_at
        return self._access_tokens.issue(session.user_id, self._ids.new(now), session.id, now)
