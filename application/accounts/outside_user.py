"""Find or create the account for a token from the outside issuer."""

from datetime import datetime

from application.ports.accounts import (
    AccessClaims,
    EmailAddress,
    EmailAddresses,
    PasswordHasher,
    TokenVerifier,
)
from application.ports.outside_issuer import OutsideClaims, OutsideIdentities, OutsideTokens
from application.ports.system import IdGenerator
from domain.account import Account, outside_email
from domain.errors import EmailTaken, Invalid
from domain.ids import UserId


class CreateOutsideUser:
    """Create an account at the first request of a subject.

    It is never linked to an existing account with the same address. Addresses of local accounts are
    not verified, so someone else could have registered it in advance. If the address is taken,
    unknown or not verified, the account has a placeholder.
    """

    def __init__(
        self,
        identities: OutsideIdentities,
        passwords: PasswordHasher,
        addresses: EmailAddresses,
        ids: IdGenerator,
    ) -> None:
        self._identities = identities
        self._passwords = passwords
        self._addresses = addresses
        self._ids = ids

    async def __call__(self, claims: OutsideClaims, now: datetime) -> UserId:
        """Return the id of the new account, or of the one that a concurrent request created.

        Raises:
            NotAuthenticated: the subject has closed an account since the token was issued.
        """
        password_hash = self._passwords.unusable()
        user_id = UserId(self._ids.new(now))
        placeholder = outside_email(user_id)
        email = self._address(claims.email) or EmailAddress(placeholder, (placeholder,))
        account = Account(id=user_id, email=email.stored, created_at=now)
        issued_at = claims.issued_at
        try:
            return await self._identities.add(
                claims.identity, account, password_hash, *email.older, issued_at=issued_at
            )
        except EmailTaken:
            account = Account(id=user_id, email=placeholder, created_at=now)
            return await self._identities.add(
                claims.identity, account, password_hash, issued_at=issued_at
            )

    def _address(self, email: str | None) -> EmailAddress | None:
        try:
            return self._addresses.parse(email)
        except Invalid:
            return None


class IdentifyOutsideUser:
    """Verify a token from the outside issuer, and find the account of its subject.

    Raises:
        NotAuthenticated: the token is not valid, or older than a closed account of its subject.
        TokenExpired: the token has expired.
        Unavailable: the issuer or the storage is unavailable.
    """

    def __init__(
        self,
        outside: OutsideTokens,
        identities: OutsideIdentities,
        create: CreateOutsideUser,
        tokens: TokenVerifier,
    ) -> None:
        self._outside = outside
        self._identities = identities
        self._create = create
        self._tokens = tokens

    async def __call__(self, token: str, now: datetime) -> AccessClaims:
        """Return the claims for the account. `TokenVerifier` knows them too from then on."""
        outside = await self._outside.verify(token, now)
        user_id = await self._identities.find(outside.identity)
        claims = outside.of(user_id or await self._create(outside, now))
        self._tokens.remember(token, claims)
        return claims
