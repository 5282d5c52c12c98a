"""The outside issuer of a service that doesn't have one."""

from datetime import datetime

from application.errors import NotAuthenticated
from application.ports.outside_issuer import OutsideClaims


class NoOutsideTokens:
    """`OutsideTokens` that refuses every token."""

    async def verify(self, token: str, now: datetime) -> OutsideClaims:  # noqa: ARG002 - from the port
        """Refuse the token."""
        raise NotAuthenticated
