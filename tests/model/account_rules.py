"""Rules for users and their sessions."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, precondition, rule

from application.accounts.caller import Caller
from application.accounts.password_check import Credentials
from application.accounts.refresh_policy import GRACE
from application.accounts.register import Registration
from application.accounts.session_tokens import SessionTokens
from application.errors import (
    InvalidCredentials,
    InvalidRefreshToken,
    NotAuthenticated,
    SessionNotFound,
    TokenExpired,
)
from application.ports.sessions import Device, RefreshToken
from domain.errors import EmailTaken
from domain.ids import SessionId
from domain.order.policy import StatusPolicy
from tests.model.expected import UserModel
from tests.model.interruptions import CRASHES, Crash
from tests.model.machine import INTERRUPTED, Interrupted, Machine, result_of
from tests.model.system import ACCESS_TTL, PROCESSES, REFRESH_TTL
from tests.support.accounts import an_address

_EMAILS: Final = ("a@example.com", "b@example.com", "c@example.com")
_MAX_USERS: Final = 3
#: The time within which every process follows the end of a session.
_FOLLOWED_WITHIN: Final = timedelta(seconds=2)

DEVICES: Final = st.sampled_from([Device("192.0.2.1", "A/1"), Device("198.51.100.7", "B/2")])
API: Final = st.integers(0, PROCESSES - 1)


@dataclass(eq=False)
class SessionModel:
    """A session, as far as its client knows it.

    `spent` has the time at which each token was first used, and `predecessors` has the token for
    which a token was issued. `superseded` tokens have a successor that was used. `ended_by`
    is the process in which the end of the session must have an immediate effect.
    """

    user: UserModel
    id: SessionId
    device: Device
    expires_at: datetime
    live: list[RefreshToken]
    access: list[tuple[str, datetime]]
    spent: dict[RefreshToken, datetime] = field(default_factory=dict)
    predecessors: dict[RefreshToken, RefreshToken] = field(default_factory=dict)
    superseded: set[RefreshToken] = field(default_factory=set)
    ended_at: datetime | None = None
    ended_by: int | None = None

    def __repr__(self) -> str:
        return f"<session of {self.user.email}, {'live' if self.ended_at is None else 'ended'}>"

    def end(self, now: datetime, by: int | None) -> None:
        if self.ended_at is None:
            self.ended_at, self.ended_by = now, by

    def accepts(self, token: RefreshToken, device: Device, now: datetime) -> bool:
        """Return whether the token may be exchanged."""
        if self.ended_at is not None or self.expires_at <= now:
            return False
        spent_at = self.spent.get(token)
        if spent_at is None:
            return True
        is_same_client = device == self.device
        return is_same_client and now - spent_at <= GRACE and token not in self.superseded


class AccountRules(Machine):
    """Users register, log in on devices, and use their sessions in several API processes."""

    sessions = Bundle("sessions")

    @initialize(
        target=Machine.users, policy=st.sampled_from([StatusPolicy.OWNER, StatusPolicy.STAFF])
    )
    def begin(self, policy: StatusPolicy) -> Any:
        self.set_up(policy)
        self.all_sessions: list[SessionModel] = []
        return self._register(_EMAILS[0], None)

    @precondition(lambda self: len(self.all_users) < _MAX_USERS)
    @rule(target=Machine.users, email=st.sampled_from(_EMAILS), crash=CRASHES)
    def register(self, email: str, crash: Crash | None) -> Any:
        return self._register(email, crash)

    def _register(self, email: str, crash: Crash | None) -> Any:
        registration = Registration(an_address(email), "password 1")
        result = self.attempt(result_of(self.system.register(registration), EmailTaken), crash)
        if email in self.all_users:
            assert result in {EmailTaken, INTERRUPTED}
            return multiple()
        login = self.run(self.system.stored.accounts.login(email))
        assert (login is not None) == self.system.points.has_committed
        if login is None:
            assert result is INTERRUPTED
            return multiple()
        user = self.all_users[email] = UserModel(email, login.account.id, "password 1")
        return user

    @rule(
        target=sessions,
        user=Machine.users,
        password=st.none() | st.sampled_from(["password 1", "password 2"]),
        device=DEVICES,
        crash=CRASHES,
    )
    def log_in(
        self, user: UserModel, password: str | None, device: Device, crash: Crash | None
    ) -> Any:
        password = password or user.password
        credentials = Credentials(an_address(user.email), password, device.address)
        log_in = self.system.log_in(credentials, device.user_agent)
        result = self.attempt(result_of(log_in, InvalidCredentials), crash)
        if not isinstance(result, SessionTokens):
            assert result is INTERRUPTED or password != user.password
            return multiple()
        assert password == user.password
        now = self.system.clock.now()
        access = result.access.text
        session_id = SessionId(self.system.access_tokens.verify(access, now).family)
        session = SessionModel(
            user, session_id, device, now + REFRESH_TTL, [result.refresh], [(access, now)]
        )
        self.all_sessions.append(session)
        return session

    @rule(session=sessions, which=st.integers(0, 3), device=DEVICES, api=API, crash=CRASHES)
    def refresh(
        self, session: SessionModel, which: int, device: Device, api: int, crash: Crash | None
    ) -> None:
        tokens, now = [*session.live, *session.spent], self.system.clock.now()
        token = tokens[which % len(tokens)]
        is_accepted = session.accepts(token, device, now)
        use_case = self.system.api[api].refresh(token.text, device)
        result = self.attempt(result_of(use_case, InvalidRefreshToken), crash)
        if not isinstance(result, Interrupted):
            assert (result is not InvalidRefreshToken) == is_accepted
        elif not self.system.points.has_committed:
            return
        if is_accepted:
            self._renew(session, token, device, result)
        else:
            is_known = result is not INTERRUPTED and session.expires_at > now
            session.end(now, api if is_known else None)

    def _renew(
        self, session: SessionModel, token: RefreshToken, device: Device, result: object
    ) -> None:
        """Spend the token. After an interruption, its successor is unknown to the client."""
        now = self.system.clock.now()
        session.spent.setdefault(token, now)
        if token in session.predecessors:
            session.superseded.add(session.predecessors[token])
        session.live = [each for each in session.live if each != token]
        session.device, session.expires_at = device, now + REFRESH_TTL
        if isinstance(result, SessionTokens):
            session.live.append(result.refresh)
            session.predecessors[result.refresh] = token
            session.access.append((result.access.text, now))

    @rule(session=sessions, which=st.integers(0, 3), seconds=st.sampled_from([0.0, 2.0, 11.0]))
    def use(self, session: SessionModel, which: int, seconds: float) -> None:
        """Use an access token in every process after some time."""
        self.run(self.system.pass_time(seconds))
        token, issued_at = session.access[which % len(session.access)]
        for api in range(PROCESSES):
            self._use(session, token, issued_at, api)

    def _use(self, session: SessionModel, token: str, issued_at: datetime, api: int) -> None:
        """Use an access token. A process may accept it for 2 s after another one has ended it."""
        authenticate = self.system.api[api].authenticate(token)
        result = self.attempt(result_of(authenticate, NotAuthenticated, TokenExpired))
        now = self.system.clock.now()
        if issued_at + ACCESS_TTL <= now:
            assert result is TokenExpired
        elif session.ended_at is None:
            assert isinstance(result, Caller)
            assert (result.user_id, result.session_id) == (session.user.id, session.id)
        elif session.ended_by == api or now >= session.ended_at + _FOLLOWED_WITHIN:
            assert result is NotAuthenticated

    @rule(session=sessions, api=API, crash=CRASHES)
    def end_session(self, session: SessionModel, api: int, crash: Crash | None) -> None:
        end = self.system.api[api].end_session(session.user.id, session.id, "192.0.2.1")
        result = self.attempt(result_of(end, SessionNotFound), crash)
        if result is INTERRUPTED:
            if self.system.points.has_committed:
                session.end(self.system.clock.now(), None)
            return
        assert (result is SessionNotFound) == (session.ended_at is not None)
        session.end(self.system.clock.now(), api)

    @rule(user=Machine.users, password=st.sampled_from(["password 1", "password 2"]), crash=CRASHES)
    def set_password(self, user: UserModel, password: str, crash: Crash | None) -> None:
        """Set a password, which ends all sessions of the account."""
        self.attempt(self.system.set_password(an_address(user.email), password), crash)
        if not self.system.points.has_committed:
            return
        user.password = password
        for session in self.all_sessions:
            if session.user is user:
                session.end(self.system.clock.now(), None)
