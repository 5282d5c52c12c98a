"""Follow up on sessions that have ended."""

from collections.abc import Iterable

from application.ports.access_changes import AccessChange, AccessChangeKind, AccessState
from application.ports.authentication_log import (
    AuthenticationEvent,
    AuthenticationEventKind,
    AuthenticationLog,
)
from application.ports.sessions import Session


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
