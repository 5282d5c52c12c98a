"""Count and log attempts of machine clients to get a token."""

from application.accounts.login_limits import LoginLimits
from application.errors import RateLimited
from application.ports.authentication_log import (
    AuthenticationEvent,
    AuthenticationEventKind,
    AuthenticationLog,
)
from domain.ids import ClientId


class ClientAttempts:
    """Limits attempts like logins, and records their outcome in the authentication log.

    A client's limits have its id as their key, which can't be an account's e-mail address. The
    limit per address is the same one as for logins.
    """

    def __init__(self, limits: LoginLimits, log: AuthenticationLog) -> None:
        self._limits = limits
        self._log = log

    async def begin(self, client_id: ClientId, address: str) -> None:
        """Count an attempt.

        Raises:
            RateLimited: there were too many failed attempts.
        """
        try:
            await self._limits.hit(str(client_id), address)
        except RateLimited:
            self._record(AuthenticationEventKind.LOGIN_LIMITED, client_id, address)
            raise

    async def succeed(self, client_id: ClientId, address: str) -> None:
        """Refund an attempt because its secret was correct."""
        await self.abandon(client_id, address)
        self._record(AuthenticationEventKind.LOGIN_SUCCEEDED, client_id, address)

    def fail(self, client_id: ClientId | None, address: str) -> None:
        """Record a failed attempt. `client_id` is None if the client doesn't exist."""
        self._record(AuthenticationEventKind.LOGIN_FAILED, client_id, address)

    async def abandon(self, client_id: ClientId, address: str) -> None:
        """Refund an attempt because its secret was never compared."""
        await self._limits.refund(str(client_id), address)

    def _record(
        self, kind: AuthenticationEventKind, client_id: ClientId | None, address: str
    ) -> None:
        self._log.record(AuthenticationEvent(kind=kind, address=address, client_id=client_id))
