"""Adapters that raise an unexpected error with secrets in its message and in local variables.

The service under test imports this module from its working directory (see `ORDERS_PROVIDERS`).
"""

import asyncio
from datetime import datetime
from pathlib import Path

from dishka import Provider, Scope, provide

from adapters.security.passwords import Argon2Passwords
from adapters.security.refresh_tokens import RandomRefreshTokens
from adapters.security.tokens import JwtTokens
from application.ports.accounts import AccessClaims, PasswordHasher, TokenIssuer, TokenVerifier
from application.ports.sessions import RefreshToken, RefreshTokens
from application.ports.tasks import Fulfilment
from domain.order.order import Order

URL = "postgresql://ada:s3cret-of-ada@db/orders"


def fail(*secrets: object, switch: str = "unforeseen") -> None:
    """Raise an error if the test has created the file `switch`."""
    if Path(switch).exists():
        raise RuntimeError(f"unforeseen, with {secrets!r}")


async def _fail_alone(*secrets: object) -> None:
    fail(*secrets)


class Passwords(Argon2Passwords):
    """Fail with the password and its hash in local variables."""

    async def hash(self, password: str) -> str:
        """Hash, or fail."""
        fail(password)
        return await super().hash(password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Verify, or fail."""
        fail(stored, password)
        return await super().verify(stored, password)


class Tokens(TokenVerifier):
    """Fail with the token in local variables, even in a task that is never awaited."""

    def __init__(self, issuer: TokenIssuer) -> None:
        assert isinstance(issuer, JwtTokens)
        self._tokens = issuer

    def verify(self, token: str, now: datetime) -> AccessClaims:
        """Verify, or fail."""
        asyncio.ensure_future(_fail_alone(token))  # noqa: RUF006 - never awaited on purpose
        fail(token, f"Bearer {token}")
        return self._tokens.verify(token, now)


class Refreshers(RandomRefreshTokens):
    """Fail with the refresh token in local variables."""

    def parse(self, text: str) -> RefreshToken | None:
        """Parse, or fail."""
        fail(text)
        return super().parse(text)


class Warehouse:
    """Fail in the worker."""

    async def fulfil(self, order: Order) -> None:
        """Fulfil, or fail."""
        fail(order, URL, switch="no-stock")


class FailingAdapters(Provider):
    """Provide all failing adapters."""

    scope = Scope.APP

    tokens = provide(Tokens, provides=TokenVerifier)
    fulfilment = provide(Warehouse, provides=Fulfilment)

    @provide
    def refresh_tokens(self) -> RefreshTokens:
        """Return the failing reader of refresh tokens."""
        return Refreshers(lifetime=3600)

    @provide
    def passwords(self) -> PasswordHasher:
        """Return the failing hasher."""
        return Passwords()
