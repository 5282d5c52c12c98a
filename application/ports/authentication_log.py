"""The authentication log (OWASP ASVS 5.0, section 16.3)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from domain.ids import ClientId, SessionId, UserId


class AuthenticationEventKind(StrEnum):
    """The kinds of events in the authentication log."""

    LOGIN_SUCCEEDED = "login succeeded"
    LOGIN_FAILED = "login failed"
    LOGIN_LIMITED = "login limited"
    REFRESH_TOKEN_REUSED = "refresh token reused"  # noqa: S105 - not a secret
    SESSION_ENDED = "session ended"
    ACCESS_REFUSED = "access refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationEvent:
    """An event in the authentication log. It never has a secret or an e-mail address.

    `address` is the IPv4 address or IPv6 /64 that the request came from, like in rate limits. Ids
    are None if they are unknown or don't apply. `reason` is a short code, or an empty string.
    """

    kind: AuthenticationEventKind
    address: str = ""
    user_id: UserId | None = None
    client_id: ClientId | None = None
    session_id: SessionId | None = None
    reason: str = ""


class AuthenticationLog(Protocol):
    """Records security events for operators."""

    def record(self, event: AuthenticationEvent) -> None:
        """Record the event. This never fails and doesn't block."""
