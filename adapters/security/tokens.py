"""Signed JWTs (RFC 7519) as access tokens, with a cache for verified tokens."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from adapters.security import ed25519
from adapters.security.ed25519 import KeyPairs
from adapters.security.keys import SigningKeys, key_id
from adapters.security.pyjwt import pyjwt
from adapters.security.token_memory import TokenMemory
from application.errors import NotAuthenticated, TokenExpired
from application.ports.accounts import AccessClaims, AccessToken, ClientGrant
from domain.ids import ClientId, UserId
from domain.scope import known_scopes

#: The service is both the issuer and the audience of its tokens.
SERVICE: Final = "order-management-service"

#: The type for access tokens (RFC 9068, section 2.1). Tokens with other types are rejected.
TYPE: Final = "at+jwt"

#: The algorithm of the secrets.
ALGORITHM: Final = "HS256"
MAX_TOKEN_LENGTH: Final = 8 * 1024

#: How far the clock of another process may be ahead.
MAX_CLOCK_SKEW: Final = timedelta(seconds=60)

_NO_PAIRS: Final = KeyPairs()


class JwtTokens:
    """`TokenIssuer` and `TokenVerifier` for JWTs. Times in tokens are in whole seconds.

    `lifetime` is in seconds. Up to `remembered` verified tokens are cached, which reduces verifying
    them again to a dictionary lookup.

    If `pairs` has a private key, tokens are signed with it. Tokens signed with the secrets are
    still valid. Each key has exactly one algorithm (RFC 8725, section 3.1).
    """

    def __init__(
        self,
        keys: SigningKeys,
        lifetime: int,
        remembered: int = 10_000,
        pairs: KeyPairs = _NO_PAIRS,
    ) -> None:
        self._jwt = pyjwt(asymmetric=bool(pairs.public))
        self._lifetime = lifetime
        self._keys: Mapping[str, tuple[str, Any]] = {
            **{key_id(key): (ALGORITHM, key) for key in keys},
            **{key.id: (ed25519.ALGORITHM, key.loaded()) for key in pairs.public},
        }
        self._signing_key: Any = pairs.signing.loaded() if pairs.signing else keys.signing
        kid = pairs.signing.public.id if pairs.signing else key_id(keys.signing)
        self._algorithm = self._keys[kid][0]
        self._header = {"typ": TYPE, "kid": kid}
        self._memory = TokenMemory(remembered)

    @property
    def lifetime(self) -> int:
        """The lifetime of every token in seconds."""
        return self._lifetime

    def issue(self, user_id: UserId, token_id: UUID, family: UUID, now: datetime) -> AccessToken:
        """Return a signed token for the account."""
        return self._signed({"sub": str(user_id), "jti": str(token_id), "fam": str(family)}, now)

    def issue_to_client(self, grant: ClientGrant, token_id: UUID, now: datetime) -> AccessToken:
        """Return a signed token for the machine client (RFC 9068, sections 2.2 and 2.2.3)."""
        client_id = str(grant.client_id)
        claims = {
            "sub": client_id,
            "jti": str(token_id),
            "fam": client_id,
            "client_id": client_id,
            "scope": " ".join(sorted(grant.scopes)),
        }
        return self._signed(claims, now)

    def _signed(self, claims: Mapping[str, str], now: datetime) -> AccessToken:
        issued_at = int(now.timestamp())
        payload = {
            "iss": SERVICE,
            "aud": SERVICE,
            **claims,
            # RFC 7519, section 2, allows fractions of a second, but many JWT libraries don't.
            "iat": issued_at,
            "exp": issued_at + self._lifetime,
        }
        text = self._jwt.encode(
            payload, self._signing_key, algorithm=self._algorithm, headers=self._header
        )
        return AccessToken(text, self._lifetime)

    def verify(self, token: str, now: datetime) -> AccessClaims:
        """Return a token's claims.

        Raises:
            TokenExpired: the token has expired.
            NotAuthenticated: the token is forged, not valid yet, issued in the future, or not an
                access token for this service.
        """
        claims = self._memory.get(token)
        if claims is None:
            claims = self._read(token)
            if claims.issued_at > now + MAX_CLOCK_SKEW:
                raise NotAuthenticated
            if now < claims.expires_at:
                self._memory.put(token, claims)
        if claims.expires_at <= now:
            raise TokenExpired
        if claims.not_before is not None and now < claims.not_before:
            raise NotAuthenticated
        return claims

    def remember(self, token: str, claims: AccessClaims) -> None:
        """Return these claims for a token until it expires, or until newer ones take its place."""
        self._memory.put(token, claims)

    def _read(self, token: str) -> AccessClaims:
        # PyJWT accepts padding, which would allow different spellings of the same token.
        if len(token) > MAX_TOKEN_LENGTH or "=" in token:
            raise NotAuthenticated
        try:
            return _claims(self._payload(token))
        except (self._jwt.PyJWTError, ValueError, TypeError, OverflowError, OSError) as error:
            raise NotAuthenticated from error

    def _payload(self, token: str) -> Mapping[str, Any]:
        header = self._jwt.get_unverified_header(token)
        algorithm, key = self._keys.get(header.get("kid", ""), (None, None))
        if algorithm is None or header.get("typ") != TYPE:
            raise NotAuthenticated
        payload: Mapping[str, Any] = self._jwt.decode(
            token, key, algorithms=[algorithm], audience=SERVICE, issuer=SERVICE, options=_OPTIONS
        )
        return payload


#: The claims that only tokens of machine clients have.
_OF_CLIENTS: Final = frozenset({"client_id", "scope"})

_OPTIONS: Final[Any] = {
    "require": ["iss", "aud", "sub", "jti", "fam", "iat", "exp"],
    "strict_aud": True,
    # PyJWT would use the system clock, but `verify` has to use its argument.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


def _claims(payload: Mapping[str, Any]) -> AccessClaims:
    return AccessClaims(
        user_id=UserId(UUID(str(payload["sub"]))),
        token_id=UUID(str(payload["jti"])),
        family=UUID(str(payload["fam"])),
        issued_at=datetime.fromtimestamp(payload["iat"], UTC),
        expires_at=datetime.fromtimestamp(payload["exp"], UTC),
        not_before=datetime.fromtimestamp(payload["nbf"], UTC) if "nbf" in payload else None,
        client=_client(payload),
    )


def _client(payload: Mapping[str, Any]) -> ClientGrant | None:
    """Return the machine client of a token, or None if it belongs to an account.

    Raises:
        ValueError: the claims belong to neither kind of token.
    """
    if not _OF_CLIENTS & payload.keys():
        return None
    client_id, scope = payload.get("client_id"), payload.get("scope")
    if not isinstance(scope, str) or not client_id == payload["sub"] == payload["fam"]:
        raise ValueError("the claims of an account and of a machine client are mixed")
    return ClientGrant(ClientId(UUID(client_id)), known_scopes(scope.split(" ")))
