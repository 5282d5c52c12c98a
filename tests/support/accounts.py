"""Cheap passwords and tokens."""

from datetime import datetime, timedelta
from uuid import UUID

from application.errors import NotAuthenticated, TokenExpired
from application.ports.accounts import AccessClaims, AccessToken, EmailAddress
from domain.ids import UserId


def an_address(text: str) -> EmailAddress:
    """Return an address with one spelling."""
    return EmailAddress(text, (text,))


class PlainPasswords:
    """`PasswordHasher` without hashing; `asked` has the hashes of all calls to `verify`."""

    def __init__(self, strength: str = "strong") -> None:
        self._strength = strength
        self.asked: list[str | None] = []

    async def hash(self, password: str) -> str:
        return f"{self._strength}:{password}"

    async def verify(self, stored: str | None, password: str) -> bool:
        self.asked.append(stored)
        return stored is not None and stored.partition(":")[2] == password

    def is_outdated(self, stored: str) -> bool:
        return not stored.startswith(f"{self._strength}:")


class PlainTokens:
    """`TokenIssuer` and `TokenVerifier` that keep the claims of each issued token."""

    def __init__(self, lifetime: int = 1800) -> None:
        self._lifetime = lifetime
        self._claims: dict[str, AccessClaims] = {}

    def issue(self, user_id: UserId, token_id: UUID, family: UUID, now: datetime) -> AccessToken:
        text = f"token {token_id}"
        expires_at = now + timedelta(seconds=self._lifetime)
        self._claims[text] = AccessClaims(user_id, token_id, family, now, expires_at)
        return AccessToken(text, self._lifetime)

    def verify(self, token: str, now: datetime) -> AccessClaims:
        claims = self._claims.get(token)
        if claims is None:
            raise NotAuthenticated
        if claims.expires_at <= now:
            raise TokenExpired
        return claims
