"""Access tokens as signed JWTs (RFC 7519), cached after their first verification."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import jwt

from adapters.security.keys import SigningKeys, key_id
from application.errors import NotAuthenticated, TokenExpired
from application.ports.accounts import AccessClaims, AccessToken
from domain.ids import UserId

#: The issuer and the audience of the tokens: the service itself.
SERVICE: Final = "order-management-service"

#: The type of access tokens (RFC 9068, section 2.1). Tokens of other types are refused.
TYPE: Final = "at+jwt"

ALGORITHM: Final = "HS256"
MAX_TOKEN_LENGTH: Final = 8 * 1024


class JwtTokens:
    """`TokenIssuer` and `TokenVerifier` with JWTs. Times in a token are whole seconds.

    `lifetime` is in seconds. At most `remembered` verified tokens are cached: verifying one again
    costs a lookup in a dictionary.
    """

    def __init__(self, keys: SigningKeys, lifetime: int, remembered: int = 10_000) -> None:
        self._signing_key = keys.signing
        self._lifetime = lifetime
        self._keys: Mapping[str, bytes] = {key_id(key): key for key in keys}
        self._header = {"typ": TYPE, "kid": key_id(keys.signing)}
        self._memory = TokenMemory(remembered)

    def issue(self, user_id: UserId, token_id: UUID, family: UUID, now: datetime) -> AccessToken:
        """Return a signed token for the account."""
        issued_at = int(now.timestamp())
        payload = {
            "iss": SERVICE,
            "aud": SERVICE,
            "sub": str(user_id),
            "jti": str(token_id),
            "fam": str(family),
            # RFC 7519, section 2, allows fractions of seconds, but many JWT libraries do not.
            "iat": issued_at,
            "exp": issued_at + self._lifetime,
        }
        text = jwt.encode(payload, self._signing_key, algorithm=ALGORITHM, headers=self._header)
        return AccessToken(text, self._lifetime)

    def verify(self, token: str, now: datetime) -> AccessClaims:
        """Return the claims of a token.

        Raises:
            TokenExpired: the token has expired.
            NotAuthenticated: the token is forged, is not valid yet, or is no access token of this
                service.
        """
        claims = self._memory.get(token)
        if claims is None:
            claims = self._read(token)
            if now < claims.expires_at:
                self._memory.put(token, claims)
        if claims.expires_at <= now:
            raise TokenExpired
        if claims.not_before is not None and now < claims.not_before:
            raise NotAuthenticated
        return claims

    def forget(self, token_id: UUID) -> None:
        """Remove a token from the cache, so that its next use verifies it."""
        self._memory.forget(token_id)

    def forget_all(self) -> None:
        """Remove every token from the cache."""
        self._memory.clear()

    def _read(self, token: str) -> AccessClaims:
        # PyJWT accepts padding, which would be a second spelling of the same token.
        if len(token) > MAX_TOKEN_LENGTH or "=" in token:
            raise NotAuthenticated
        try:
            return _claims(self._payload(token))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, OSError) as error:
            raise NotAuthenticated from error

    def _payload(self, token: str) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        key = self._keys.get(header.get("kid", ""))
        if key is None or header.get("typ") != TYPE:
            raise NotAuthenticated
        payload: Mapping[str, Any] = jwt.decode(
            token, key, algorithms=[ALGORITHM], audience=SERVICE, issuer=SERVICE, options=_OPTIONS
        )
        return payload


_OPTIONS: Final[Any] = {
    "require": ["iss", "aud", "sub", "jti", "fam", "iat", "exp"],
    "strict_aud": True,
    # PyJWT would use the system clock. `verify` compares with its argument instead.
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
    )


class TokenMemory:
    """An LRU cache of the claims of at most `capacity` verified tokens.

    Its keys are whole tokens with their signatures, so an altered token is not found. The caller
    checks the expiry. Not thread-safe.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._claims: OrderedDict[str, AccessClaims] = OrderedDict()
        self._texts: dict[UUID, str] = {}

    def get(self, text: str) -> AccessClaims | None:
        """Return the claims of a token, or None if it is not cached."""
        claims = self._claims.get(text)
        if claims is not None:
            self._claims.move_to_end(text)
        return claims

    def put(self, text: str, claims: AccessClaims) -> None:
        """Cache a verified token."""
        self.forget(claims.token_id)
        self._claims[text] = claims
        self._texts[claims.token_id] = text
        if len(self._claims) > self._capacity:
            _, oldest = self._claims.popitem(last=False)
            del self._texts[oldest.token_id]

    def forget(self, token_id: UUID) -> None:
        """Remove a token if it is cached."""
        text = self._texts.pop(token_id, None)
        if text is not None:
            del self._claims[text]

    def clear(self) -> None:
        """Remove all tokens."""
        self._claims.clear()
        self._texts.clear()
