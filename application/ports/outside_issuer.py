"""Tokens from an outside issuer, and the accounts of their subjects."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.ports.accounts import AccessClaims
from domain.account import Account
from domain.ids import UserId


@dataclass(frozen=True, slots=True)
class OutsideIdentity:
    """A subject of an issuer. Only both together are unique (OpenID Connect Core, section 5.7)."""

    issuer: str
    subject: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """The hash that stays after the account has been closed. Issuers contain no line breaks."""
        return hashlib.sha256(f"{self.issuer}\n{self.subject}".encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideClaims:
    """The claims of a verified token from the outside issuer.

    `email` is None unless the issuer has verified it. `token_id` is the same for every spelling of
    the token that has the same header and payload.
    """

    identity: OutsideIdentity
    email: str | None = field(repr=False)
    token_id: UUID
    issued_at: datetime
    expires_at: datetime
    not_before: datetime | None

    def of(self, user_id: UserId) -> AccessClaims:
        """Return the claims for the subject's account. The token does not have a session here."""
        return AccessClaims(
            user_id=user_id,
            token_id=self.token_id,
            family=self.token_id,
            issued_at=self.issued_at,
            expires_at=self.expires_at,
            not_before=self.not_before,
            is_outside=True,
        )


class OutsideTokens(Protocol):
    """Verifies access tokens from the outside issuer, if there is one."""

    async def verify(self, token: str, now: datetime) -> OutsideClaims:
        """Return a token's claims.

        Raises:
            TokenExpired: the token has expired.
            NotAuthenticated: the token is forged, from another issuer, not valid yet, or not an
                access token for this service.
            IssuerUnavailable: the issuer's keys are unknown, and it is unreachable.
        """


class OutsideIdentities(Protocol):
    """Stores which account belongs to which subject."""

    async def find(self, identity: OutsideIdentity) -> UserId | None:
        """Return the id of the subject's account, or None if it doesn't have one."""

    async def add(
        self,
        identity: OutsideIdentity,
        account: Account,
        password_hash: str,
        *older_spellings: str,
        issued_at: datetime,
    ) -> UserId:
        """Store a new account for a subject, and return its id. Both are durable on return.

        If a concurrent call was faster, return the id of the account that it has stored instead.
        If an earlier account of the subject was closed, tokens from before that stay refused.
        `issued_at` is the time of the token.

        Raises:
            NotAuthenticated: an account of the subject was closed after the token was issued.
            EmailTaken: there is already an account with this address or one of its older spellings.
        """

    async def of_user(self, user_id: UserId) -> Sequence[OutsideIdentity]:
        """Return the subjects that an account belongs to."""
