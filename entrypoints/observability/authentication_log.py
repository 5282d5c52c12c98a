"""The authentication log as structured log lines."""

from logging import INFO, WARNING
from typing import Final

from application.ports.authentication_log import AuthenticationEvent, AuthenticationEventKind
from entrypoints.observability.logs import logger

#: Events that only happen if a token was stolen.
_WARNINGS: Final = {AuthenticationEventKind.REFRESH_TOKEN_REUSED}


class StructlogAuthenticationLog:
    """An `AuthenticationLog` that logs each event with its known fields and the request's id."""

    def record(self, event: AuthenticationEvent) -> None:
        """Log the event."""
        fields = {
            "user": event.user_id,
            "client": event.client_id,
            "session": event.session_id,
            "address": event.address,
            "reason": event.reason,
        }
        level = WARNING if event.kind in _WARNINGS else INFO
        known = {name: str(value) for name, value in fields.items() if value}
        logger.log(level, event.kind.value, **known)
