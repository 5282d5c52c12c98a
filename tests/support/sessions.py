"""The use cases for sessions on in-memory adapters."""

from dataclasses import dataclass, field

from adapters.memory.access_state import FollowedAccess
from adapters.memory.authentication_log import MemoryAuthenticationLog
from adapters.security.refresh_tokens import RandomRefreshTokens
from application.accounts.authenticate import Authenticate
from application.accounts.ended_sessions import EndedSessions
from application.accounts.refresh_session import RefreshSession
from application.accounts.revoke_token import RevokeAccessToken, RevokeToken
from application.accounts.session_tokens import SessionTokenFactory, SessionTokens
from application.accounts.sessions import EndSession, EndSessionsOf, ListSessions
from application.accounts.verify_access_token import VerifyAccessToken
from application.ports.sessions import Device
from domain.account import Account
from domain.ids import UserId
from tests.support.accounts import PlainTokens
from tests.support.adapters import Adapters, memory_adapters
from tests.support.orders import IDS, a_user_id
from tests.support.outside_user import PlainOutsideTokens, outside_users
from tests.support.time import NOW, MovableClock

ACCESS_TTL_SECONDS = 1_800
REFRESH_TTL_SECONDS = 86_400
HOME = Device("192.0.2.1", "Browser/1.0")
ELSEWHERE = Device("198.51.100.7", "Browser/1.0")


@dataclass
class SessionHarness:
    """The use cases, their clock and one account."""

    clock: MovableClock = field(default_factory=MovableClock)
    log: MemoryAuthenticationLog = field(default_factory=MemoryAuthenticationLog)

    def __post_init__(self) -> None:
        self.stored: Adapters = memory_adapters(self.clock)
        self.access_tokens = PlainTokens(ACCESS_TTL_SECONDS)
        self.refresh_tokens = RandomRefreshTokens(REFRESH_TTL_SECONDS)
        stored, admin = self.stored, self.stored.session_admin
        self.access = FollowedAccess(
            stored.access_changes, stored.accounts, self.clock, self.clock.monotonic
        )
        self.factory = SessionTokenFactory(
            self.access_tokens,
            self.refresh_tokens,
            self.clock,
            IDS,
        )
        ended = EndedSessions(self.access, self.log)
        self.outside = PlainOutsideTokens()
        users = outside_users(self.access_tokens, stored, self.outside)
        self.authenticate = Authenticate(self.access_tokens, users, self.access, self.clock)
        self.refresh = RefreshSession(stored.sessions, self.refresh_tokens, self.factory, ended)
        self.list_sessions = ListSessions(admin, self.clock)
        self.end_session = EndSession(admin, ended)
        self.end_sessions_of = EndSessionsOf(admin, ended)
        revoke_access_token = RevokeAccessToken(
            VerifyAccessToken(self.access_tokens, self.outside, self.clock),
            stored.access_changes,
            self.access,
        )
        self.revoke = RevokeToken(admin, self.refresh_tokens, ended, revoke_access_token)

    async def open_account(self) -> Account:
        """Store a new account with the password hash "hash"."""
        user_id = a_user_id()
        account = Account(id=user_id, email=f"{user_id}@example.com", created_at=NOW)
        await self.stored.accounts.add(account, "hash")
        return account

    async def begin(self, user_id: UserId, device: Device = HOME) -> SessionTokens:
        """Begin a session."""
        session, tokens = self.factory.begin(user_id, device)
        assert await self.stored.sessions.begin(session, tokens.refresh, "hash")
        return tokens
