"""Passwords and tokens that are cheap to check."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from application.errors import NotAuthenticated, TokenExpired, TooManyPasswords
from application.ports.accounts import AccessClaims, AccessToken, ClientGrant, EmailAddress
from domain.ids import UserId


def an_address(text: str) -> EmailAddress:
    """Return an address that has only one spelling."""
    return EmailAddress(text, (text,))


UNUSABLE = "unusable"


class PlainPasswords:
    """A `PasswordHasher` that doesn't hash. `asked` lists the hash from every `verify` call."""

    def __init__(self, strength: str = "strong") -> None:
        self._strength = strength
        self.asked: list[str | None] = []
        #: If True, `hash` and `verify` refuse every password.
        self.is_overloaded = False

    async def hash(self, password: str) -> str:
        if self.is_overloaded:
            raise TooManyPasswords
        return f"{self._strength}:{password}"

    async def verify(self, stored: str | None, password: str) -> bool:
        if self.is_overloaded:
            raise TooManyPasswords
        self.asked.append(stored)
        if stored is None or stored == UNUSABLE:
            return False
        return stored.partition(":")[2] == password

    def unusable(self) -> str:
        return UNUSABLE

    def is_outdated(self, stored: str) -> bool:
        return not stored.startswith(f"{self._strength}:")


class PlainTokens:
    """A `TokenIssuer` and `TokenVerifier` that remembers every issued token's claims."""

    def __init__(self, lifetime: int = 1800) -> None:
        self._lifetime = lifetime
        self._claims: dict[str, AccessClaims] = {}

    @property
    def lifetime(self) -> int:
        return self._lifetime

    def issue(self, user_id: UserId, token_id: UUID, family: UUID, now: datetime) -> AccessToken:
        text = f"token {token_id}"
        expires_at = now + timedelta(seconds=self._lifetime)
        self._claims[text] = AccessClaims(user_id, token_id, family, now, expires_at)
        return AccessToken(text, self._lifetime)

    def issue_to_client(self, grant: ClientGrant, token_id: UUID, now: datetime) -> AccessToken:
        token = self.issue(UserId(grant.client_id), token_id, grant.client_id, now)
        self._claims[token.text] = replace(self._claims[token.text], client=grant)
        return token

    def remember(self, token: str, claims: AccessClaims) -> None:
        self._claims[token] = claims

    def verify(self, token: str, now: datetime) -> AccessClaims:
        claims = self._claims.get(token)
        if claims is None:
            raise NotAuthenticated
        if claims.expires_at <= now:
            raise TokenExpired
        return claims
