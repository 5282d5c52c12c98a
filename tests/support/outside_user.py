"""The use cases for accounts from an outside issuer, with tokens that are cheap to check."""

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from adapters.security.email_addresses import ValidatedAddresses
from application.accounts.outside_user import CreateOutsideUser, IdentifyOutsideUser
from application.errors import IssuerUnavailable, NotAuthenticated
from application.ports.accounts import TokenVerifier
from application.ports.outside_issuer import OutsideClaims, OutsideIdentity, OutsideTokens
from tests.support.accounts import PlainPasswords
from tests.support.adapters import Adapters
from tests.support.orders import IDS
from tests.support.time import NOW

ISSUER: Final = "https://login.example.com/realms/shop"


def some_claims(
    subject: str = "ada", email: str | None = "ada@example.com", issued_at: datetime = NOW
) -> OutsideClaims:
    """Return the claims of a token that expires in five minutes."""
    return OutsideClaims(
        identity=OutsideIdentity(ISSUER, subject),
        email=email,
        token_id=uuid4(),
        issued_at=issued_at,
        expires_at=issued_at + timedelta(minutes=5),
        not_before=None,
    )


class PlainOutsideTokens:
    """`OutsideTokens` that knows the claims of each token. `asked` lists the verified tokens."""

    def __init__(self) -> None:
        self.claims: dict[str, OutsideClaims] = {}
        self.asked: list[str] = []
        self.is_reachable = True

    def issue(
        self,
        subject: str = "ada",
        email: str | None = "ada@example.com",
        issued_at: datetime = NOW,
    ) -> str:
        """Return a new token."""
        token = f"outside token {uuid4()}"
        self.claims[token] = some_claims(subject, email, issued_at)
        return token

    async def verify(self, token: str, now: datetime) -> OutsideClaims:  # noqa: ARG002 - from the port
        self.asked.append(token)
        if not self.is_reachable:
            raise IssuerUnavailable
        if token not in self.claims:
            raise NotAuthenticated
        return self.claims[token]


def outside_users(
    tokens: TokenVerifier,
    stored: Adapters,
    outside: OutsideTokens | None = None,
    passwords: PlainPasswords | None = None,
) -> IdentifyOutsideUser:
    """Return the use case on a storage. By default, no outside token is valid."""
    identities = stored.outside_identities
    create = CreateOutsideUser(identities, passwords or PlainPasswords(), ValidatedAddresses(), IDS)
    return IdentifyOutsideUser(outside or PlainOutsideTokens(), identities, create, tokens)
