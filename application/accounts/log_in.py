"""Log in with a password."""

from typing import Final

from application.accounts.password_check import Credentials, PasswordCheck
from application.accounts.session_tokens import SessionTokenFactory, SessionTokens
from application.errors import InvalidCredentials
from application.ports.authentication_log import (
    AuthenticationEvent,
    AuthenticationEventKind,
    AuthenticationLog,
)
from application.ports.sessions import Device, Session, Sessions

#: How often to check the password if the account changes at the same time.
_ATTEMPTS: Final = 3


class LogIn:
    """Begin a session for an e-mail address and a password.

    Raises:
        InvalidCredentials, RateLimited: see `PasswordCheck`.
    """

    def __init__(
        self,
        check: PasswordCheck,
        sessions: Sessions,
        factory: SessionTokenFactory,
        log: AuthenticationLog,
    ) -> None:
        self._check = check
        self._sessions = sessions
        self._factory = factory
        self._log = log

    async def __call__(self, credentials: Credentials, user_agent: str) -> SessionTokens:
        """Check the credentials, begin a session and return its tokens."""
        device = Device(credentials.address, user_agent)
        for _ in range(_ATTEMPTS):
            login = await self._check(credentials)
            session, tokens = self._factory.begin(login.account.id, device)
            if await self._sessions.begin(session, tokens.refresh, login.password_hash):
                self._record(session)
                return tokens
        raise InvalidCredentials

    def _record(self, session: Session) -> None:
        event = AuthenticationEvent(
            kind=AuthenticationEventKind.LOGIN_SUCCEEDED,
            address=session.address,
            user_id=session.user_id,
            session_id=session.id,
        )
        self._log.record(event)
