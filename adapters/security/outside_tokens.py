"""Access tokens from an outside issuer (RFC 9068, OpenID Connect)."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from adapters.security.issuer_keys import IssuerKeys
from adapters.security.jwk_set import ALGORITHMS
from adapters.security.pyjwt import pyjwt
from adapters.security.tokens import MAX_CLOCK_SKEW, MAX_TOKEN_LENGTH
from application.errors import NotAuthenticated, TokenExpired
from application.ports.outside_issuer import OutsideClaims, OutsideIdentity

T = TypeVar("T")

#: The accepted types in lower case. Many issuers don't use the one from RFC 9068, and some write
#: none at all, which RFC 7519 (section 5.1) allows.
_TYPES: Final = frozenset({"at+jwt", "application/at+jwt", "jwt", None})
#: Claims that only ID tokens and logout tokens have (OpenID Connect Core, section 2 and 3.3.2.11;
#: Back-Channel Logout, section 2.4).
_OF_OTHER_TOKENS: Final = frozenset({"at_hash", "c_hash", "s_hash", "events"})
#: Claims with which some issuers name the kind of a token, and the values of access tokens.
_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "typ": frozenset({"bearer", "dpop", "at+jwt", "jwt"}),
    "token_use": frozenset({"access"}),
}
_MAX_KEY_ID: Final = 512
_MAX_SUBJECT: Final = 255  # OpenID Connect Core, section 2

_REQUIRED: Final = ["iss", "aud", "sub", "iat", "exp"]
#: PyJWT would use the system clock, but `verify` has to use its argument.
_OPTIONS: Final[Any] = {
    "require": _REQUIRED,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}
_UNVERIFIED: Final[Any] = {"verify_signature": False}


class IssuerTokens:
    """`OutsideTokens` of one issuer. `audience` has to be one of a token's audiences."""

    def __init__(self, issuer: str, audience: str, keys: IssuerKeys) -> None:
        self._jwt = pyjwt(asymmetric=True)
        self._issuer = issuer
        self._audience = audience
        self._keys = keys

    async def verify(self, token: str, now: datetime) -> OutsideClaims:
        """Return a token's claims."""
        kid, algorithm = self._read(token, self._header)
        key = await self._keys.find(kid, algorithm)

        def claims(text: str) -> OutsideClaims:
            return _claims(self._payload(text, key, algorithm), text)

        found = self._read(token, claims)
        if found.issued_at > now + MAX_CLOCK_SKEW:
            raise NotAuthenticated
        if found.expires_at <= now:
            raise TokenExpired
        if found.not_before is not None and now < found.not_before:
            raise NotAuthenticated
        return found

    def _read(self, token: str, read: Callable[[str], T]) -> T:
        # PyJWT accepts padding, which would allow different spellings of the same token.
        if len(token) > MAX_TOKEN_LENGTH or "=" in token:
            raise NotAuthenticated
        try:
            return read(token)
        except (self._jwt.PyJWTError, ValueError, TypeError, OverflowError, OSError) as error:
            raise NotAuthenticated from error

    def _header(self, token: str) -> tuple[str | None, str]:
        """Return the key id and the algorithm of a token that claims to be from this issuer.

        The signature is checked later, so tokens of others cause no request to the issuer.

        Raises:
            ValueError: it cannot be an access token from this issuer.
        """
        header = self._jwt.get_unverified_header(token)
        kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ")
        if algorithm not in ALGORITHMS or _lower(kind) not in _TYPES:
            raise ValueError("another algorithm or type")
        if kid is not None and not 1 <= len(kid) <= _MAX_KEY_ID:
            raise ValueError("an unsuitable key id")
        payload = self._jwt.decode(token, options=_UNVERIFIED)
        if payload.get("iss") != self._issuer:
            raise ValueError("another issuer")
        return kid, algorithm

    def _payload(self, token: str, key: Any, algorithm: str) -> Mapping[str, Any]:
        payload: Mapping[str, Any] = self._jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=self._audience,
            issuer=self._issuer,
            options=_OPTIONS,
        )
        return payload


def _claims(payload: Mapping[str, Any], token: str) -> OutsideClaims:
    """Return the claims of a verified payload.

    Raises:
        ValueError, TypeError, OverflowError, OSError: they are not those of an access token.
    """
    if not _is_of_access_token(payload):
        raise ValueError("a token of another kind")
    not_before = _moment(payload["nbf"]) - MAX_CLOCK_SKEW if "nbf" in payload else None
    return OutsideClaims(
        identity=OutsideIdentity(payload["iss"], _subject(payload["sub"])),
        email=_verified_email(payload),
        token_id=_token_id(token),
        issued_at=_moment(payload["iat"]),
        expires_at=_moment(payload["exp"]),
        not_before=not_before,
    )


def _lower(value: object) -> str | None:
    return None if value is None else str(value).lower()


def _is_of_access_token(payload: Mapping[str, Any]) -> bool:
    if _OF_OTHER_TOKENS & payload.keys():
        return False
    return all(
        str(payload[name]).lower() in kinds for name, kinds in _KINDS.items() if name in payload
    )


def _subject(value: str) -> str:
    if not 1 <= len(value) <= _MAX_SUBJECT or not value.isascii() or not value.isprintable():
        raise ValueError("an unsuitable subject")
    return value


def _verified_email(payload: Mapping[str, Any]) -> str | None:
    email = payload.get("email")
    return email if payload.get("email_verified") is True and isinstance(email, str) else None


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _token_id(token: str) -> UUID:
    """Return an id for revoking a token, because `jti` is optional.

    It doesn't include the signature. Everyone can turn an ECDSA signature into a second valid one.
    """
    signed = token.rpartition(".")[0]
    return UUID(bytes=hashlib.sha256(signed.encode()).digest()[:16])
