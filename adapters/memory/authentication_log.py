"""An authentication log in memory."""

from application.ports.authentication_log import AuthenticationEvent


class MemoryAuthenticationLog:
    """An `AuthenticationLog` that adds all events to `events`."""

    def __init__(self) -> None:
        self.events: list[AuthenticationEvent] = []

    def record(self, event: AuthenticationEvent) -> None:
        """Add the event."""
        self.events.append(event)
