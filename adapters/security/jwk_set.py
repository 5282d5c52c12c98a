"""The public keys of an issuer (RFC 7517)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from adapters.security.pyjwt import pyjwt

#: The accepted algorithms for each type of key and curve. All of them are asymmetric.
_ALGORITHMS: Final[Mapping[tuple[object, object], tuple[str, ...]]] = {
    ("RSA", None): ("RS256", "PS256"),
    ("EC", "P-256"): ("ES256",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
ALGORITHMS: Final = frozenset(name for names in _ALGORITHMS.values() for name in names)

#: RSA keys under 2048 bits are too weak (RFC 7518, section 3.3), and long ones take too much time.
_RSA_BITS: Final = range(2048, 8193)
#: Keys after this many are ignored.
_MAX_KEYS: Final = 100


class KeySet:
    """Keys by id and algorithm. A key never verifies another algorithm than its own.

    A key without an id has a number instead, which no token can name.
    """

    def __init__(self, keys: Mapping[tuple[str | int, str], Any]) -> None:
        self._keys = keys
        self._ids = {kid for kid, _ in keys}
        distinct = {id(key): key for key in keys.values()}
        self._has_only_one = len(distinct) == 1

    def knows(self, kid: str | None) -> bool:
        """Return whether a token's `kid` selects a key. It may only be missing for a single key."""
        return self._has_only_one if kid is None else kid in self._ids

    def find(self, kid: str | None, algorithm: str) -> Any | None:
        """Return the key that a token's header selects, or None."""
        if kid is None and self._has_only_one:
            return next((key for (_, name), key in self._keys.items() if name == algorithm), None)
        return None if kid is None else self._keys.get((kid, algorithm))


def parse_key_set(raw: bytes) -> KeySet:
    """Parse a JWK set. Keys that are not for verifying signatures, or unknown, are ignored.

    Raises:
        ValueError: this is not a JWK set, or it doesn't have a usable key.
    """
    document = json.loads(raw)
    jwks = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(jwks, list):
        raise ValueError("not a JWK set")  # noqa: TRY004 - it is a value
    keys: dict[tuple[str | int, str], Any] = {}
    for number, jwk in enumerate(jwks[:_MAX_KEYS]):
        for kid, algorithm, key in _usable(jwk):
            keys.setdefault((number if kid is None else kid, algorithm), key)
    if not keys:
        raise ValueError("the JWK set does not have a usable key")
    return KeySet(keys)


def _usable(jwk: object) -> Iterator[tuple[str | None, str, Any]]:
    """Yield the id, an algorithm and the key, for each algorithm of a usable key."""
    if not isinstance(jwk, dict) or not _is_for_verifying(jwk):
        return
    kid = jwk.get("kid")
    algorithms = _ALGORITHMS.get((_text(jwk.get("kty")), _text(jwk.get("crv"))), ())
    if algorithms and (kid is None or isinstance(kid, str)) and (key := _loaded(jwk)) is not None:
        named = jwk.get("alg")
        yield from ((kid, each, key) for each in algorithms if named is None or named == each)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _is_for_verifying(jwk: Mapping[str, Any]) -> bool:
    """Return whether the key is public, and not meant for something else."""
    operations = jwk.get("key_ops", ["verify"])
    is_for_signatures = jwk.get("use", "sig") == "sig"
    is_public = "d" not in jwk
    return (
        is_for_signatures and is_public and isinstance(operations, list) and "verify" in operations
    )


def _loaded(jwk: dict[str, Any]) -> Any | None:
    """Return the key, or None if it is malformed or has an unsuitable size."""
    library = pyjwt(asymmetric=True)
    kinds = {
        "RSA": library.algorithms.RSAAlgorithm,
        "EC": library.algorithms.ECAlgorithm,
        "OKP": library.algorithms.OKPAlgorithm,
    }
    try:
        key = kinds[jwk["kty"]].from_jwk(jwk)
    except (library.PyJWTError, ValueError, TypeError, KeyError, OverflowError):
        return None
    return key if jwk["kty"] != "RSA" or key.key_size in _RSA_BITS else None
