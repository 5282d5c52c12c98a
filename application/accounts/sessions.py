"""List and end sessions."""

from collections.abc import Sequence

from application.accounts.caller import Caller
from application.accounts.ended_sessions import EndedSessions
from application.errors import NoSuchAccount, SessionNotFound, StaffOnly
from application.ports.accounts import Accounts, EmailAddress
from application.ports.sessions import Session, SessionAdmin
from application.ports.system import Clock
from domain.account import Account
from domain.actor import ActorKind
from domain.ids import SessionId, UserId


class ListSessions:
    """List a user's own sessions."""

    def __init__(self, sessions: SessionAdmin, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    async def __call__(self, user_id: UserId) -> Sequence[Session]:
        """Return the sessions that have not expired, newest first."""
        return await self._sessions.of_user(user_id, self._clock.now())


class EndSession:
    """End one of a user's own sessions.

    Raises:
        SessionNotFound: the user has no such session.
    """

    def __init__(self, sessions: SessionAdmin, ended: EndedSessions) -> None:
        self._sessions = sessions
        self._ended = ended

    async def __call__(self, user_id: UserId, session_id: SessionId, address: str) -> None:
        """End the session. Its tokens stop working."""
        session = await self._sessions.end(user_id, session_id)
        if session is None:
            raise SessionNotFound
        self._ended.follow_up([session], address)


class EndSessionsOf:
    """Let staff end all sessions and outside tokens of a user.

    Raises:
        StaffOnly: the caller is not staff.
    """

    def __init__(self, sessions: SessionAdmin, ended: EndedSessions) -> None:
        self._sessions = sessions
        self._ended = ended

    async def __call__(self, caller: Caller, user_id: UserId, address: str) -> None:
        """End the sessions, if there are any."""
        if caller.actor.kind is not ActorKind.STAFF:
            raise StaffOnly
        ended = await self._sessions.end_all(user_id)
        self._ended.follow_up_all(user_id, ended, address)


class EndSessionsByEmail:
    """Let an operator end all sessions and outside tokens of an account.

    Raises:
        NoSuchAccount: there is no account with this address.
    """

    def __init__(self, accounts: Accounts, sessions: SessionAdmin) -> None:
        self._accounts = accounts
        self._sessions = sessions

    async def __call__(self, email: EmailAddress) -> tuple[Account, int]:
        """End the sessions. Return the account and how many sessions there were."""
        login = await self._accounts.login(*email.spellings)
        if login is None:
            raise NoSuchAccount
        return login.account, len(await self._sessions.end_all(login.account.id))
