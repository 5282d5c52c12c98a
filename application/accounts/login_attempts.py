"""Count attempts to log in, and log those that fail."""

from application.accounts.login_limits import LoginLimits
from application.errors import RateLimited
from application.ports.authentication_log import (
    AuthenticationEvent,
    AuthenticationEventKind,
    AuthenticationLog,
)
from domain.ids import UserId


class LoginAttempts:
    """Limits attempts to log in, and records failed ones in the authentication log."""

    def __init__(self, limits: LoginLimits, log: AuthenticationLog) -> None:
        self._limits = limits
        self._log = log

    async def begin(self, email: str, address: str) -> None:
        """Count an attempt.

        Raises:
            RateLimited: there were too many failed attempts.
        """
        try:
            await self._limits.hit(email, address)
        except RateLimited:
            self._record(AuthenticationEventKind.LOGIN_LIMITED, address)
            raise

    async def refund(self, email: str, address: str) -> None:
        """Refund an attempt because its password was correct, or was never verified."""
        await self._limits.refund(email, address)

    def fail(self, address: str, user_id: UserId | None) -> None:
        """Record a failed attempt. `user_id` is None if the account doesn't exist."""
        self._record(AuthenticationEventKind.LOGIN_FAILED, address, user_id)

    def _record(
        self, kind: AuthenticationEventKind, address: str, user_id: UserId | None = None
    ) -> None:
        self._log.record(AuthenticationEvent(kind=kind, address=address, user_id=user_id))
