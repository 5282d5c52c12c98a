"""Follow up on sessions that have ended."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from application.ports.access_changes import AccessChange, AccessChangeKind, AccessState
from application.ports.authentication_log import (
    AuthenticationEvent,
    AuthenticationEventKind,
    AuthenticationLog,
)
from application.ports.sessions import Session
from domain.ids import UserId

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class EndedSessions:
    """Refuses the tokens of ended sessions in this process at once, and logs the end.

    Other processes follow within 2 s, because ending a session has added it to the feed.
    """

    def __init__(self, access: AccessState, log: AuthenticationLog) -> None:
        self._access = access
        self._log = log

    def follow_up(
        self,
        sessions: Iterable[Session],
        address: str,
        kind: AuthenticationEventKind = AuthenticationEventKind.SESSION_ENDED,
    ) -> None:
        """Follow up on sessions that were ended by a request from `address`."""
        for session in sessions:
            change = AccessChange(AccessChangeKind.SESSION, session.id, session.tokens_expire_at)
            self._access.apply(change)
            event = AuthenticationEvent(
                kind=kind, address=address, user_id=session.user_id, session_id=session.id
            )
            self._log.record(event)

    def follow_up_all(self, user_id: UserId, sessions: Iterable[Session], address: str) -> None:
        """Follow up on the end of all sessions and outside tokens of an account."""
        self._access.apply(AccessChange(AccessChangeKind.ACCOUNT, user_id, _NEVER))
        self.follow_up(sessions, address)
