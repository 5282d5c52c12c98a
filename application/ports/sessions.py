"""Sessions, each of which begins with a login and lives as long as its refresh tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Final, Protocol

from domain.ids import SessionId, UserId

#: The maximum number of sessions of an account.
MAX_SESSIONS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Device:
    """The client that sent a request, as far as a session remembers it.

    `address` is the IPv4 address or the IPv6 /64, like in rate limits.
    """

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A login of an account. `id` is also the family of its tokens.

    `address` and `user_agent` describe the client that used it last. `expires_at` is when its
    refresh token expires, and `tokens_expire_at` is when its last access token does.
    """

    id: SessionId
    user_id: UserId
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    tokens_expire_at: datetime
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token, and the two digests that are stored instead of it.

    All tokens of a session have the same handle, so a token that was spent long ago still
    identifies its session.
    """

    text: str = field(repr=False)
    handle_hash: bytes = field(repr=False)
    token_hash: bytes = field(repr=False)


class RefreshTokens(Protocol):
    """Makes and reads refresh tokens, which are opaque random texts."""

    @property
    def lifetime(self) -> int:
        """The lifetime of every token in seconds."""

    def new(self) -> RefreshToken:
        """Return the first token of a new session."""

    def successor(self, token: RefreshToken) -> RefreshToken:
        """Return another token of the same session."""

    def parse(self, text: str) -> RefreshToken | None:
        """Return the token with this text, or None if it isn't well-formed."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """A request to exchange a refresh token for its successor."""

    token: RefreshToken
    successor: RefreshToken
    device: Device
    now: datetime
    expires_at: datetime
    tokens_expire_at: datetime


class Verdict(Enum):
    """What happened to a refresh token."""

    RENEWED = auto()
    UNKNOWN = auto()  # it belongs to no session
    DISABLED = auto()  # its account is disabled
    EXPIRED = auto()  # its session has ended now
    REUSED = auto()  # it was spent before, so its session has ended now


class Sessions(Protocol):
    """Begins sessions and renews their tokens. All changes are durable on return."""

    async def begin(self, session: Session, token: RefreshToken, password_hash: str) -> bool:
        """Store a new session. If the account has too many sessions, its oldest one ends.

        Return False if the account no longer has this password hash or is disabled. A login that
        races a password change never gets a session.
        """

    async def renew(self, renewal: Renewal) -> tuple[Verdict, Session | None]:
        """Exchange a token for its successor, and return the session as it is afterwards.

        `judge` decides if the token is accepted. A spent token is forgotten when one of its
        successors is used for the first time. Concurrent calls for a session run one after the
        other. After a refusal, the session is returned as it was, if it is known.
        `tokens_expire_at` never goes back, because earlier access tokens may expire later.
        """


class SessionAdmin(Protocol):
    """Lists and ends sessions. All changes are durable on return.

    Ending a session adds a change to the feed (`AccessChanges`) in the same transaction.
    """

    async def of_user(self, user_id: UserId, now: datetime) -> Sequence[Session]:
        """Return the user's sessions that have not expired, newest first."""

    async def end(self, user_id: UserId, session_id: SessionId) -> Session | None:
        """End a user's session and return it, or None if the user has no such session."""

    async def end_by_token(self, token: RefreshToken) -> Session | None:
        """End the session of a token, even if it was spent. Return it, or None if it's unknown."""

    async def end_all(self, user_id: UserId) -> Sequence[Session]:
        """End all sessions and outside tokens of a user. Return the sessions."""
