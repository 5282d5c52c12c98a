import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from adapters.security.jwk_set import ALGORITHMS, KeySet, parse_key_set
from tests.support.oidc_issuer import a_key


def parsed(*jwks: object) -> KeySet:
    return parse_key_set(json.dumps({"keys": jwks}).encode())


def without(jwk: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in names}


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_a_key_verifies_its_own_algorithm_only(algorithm: str) -> None:
    keys = parsed(a_key(algorithm).jwk)
    assert keys.knows("first")
    for each in (*ALGORITHMS, "HS256", "none", "RS512"):
        assert (keys.find("first", each) is not None) == (each == algorithm)


@pytest.mark.parametrize(
    ("algorithm", "accepted"),
    [("RS256", {"RS256", "PS256"}), ("ES256", {"ES256"}), ("EdDSA", {"EdDSA"})],
)
def test_a_key_without_an_algorithm_verifies_those_of_its_type(
    algorithm: str, accepted: set[str]
) -> None:
    keys = parsed(without(a_key(algorithm).jwk, "alg"))
    assert {each for each in ALGORITHMS if keys.find("first", each)} == accepted


def test_an_unknown_id_selects_no_key() -> None:
    keys = parsed(a_key("RS256", "first").jwk, a_key("ES256", "second").jwk)
    assert (keys.knows("third"), keys.find("third", "RS256")) == (False, None)
    assert keys.find("second", "RS256") is None


def test_a_missing_id_selects_the_only_key() -> None:
    for jwk in (a_key("RS256").jwk, without(a_key("RS256").jwk, "kid", "alg")):
        keys = parsed(jwk)
        assert keys.knows(None)
        assert keys.find(None, "RS256") is not None
        assert keys.find(None, "ES256") is None


def test_a_missing_id_selects_none_of_several_keys() -> None:
    keys = parsed(a_key("RS256", "first").jwk, without(a_key("ES256", "second").jwk, "kid"))
    assert (keys.knows(None), keys.find(None, "RS256")) == (False, None)


def an_rsa_jwk(bits: int) -> dict[str, Any]:
    public = rsa.generate_private_key(65537, bits).public_key()
    return {**without(RSAAlgorithm.to_jwk(public, as_dict=True), "key_ops"), "kid": "short"}


GOOD = a_key("ES256").jwk
UNUSABLE = {
    "for encryption": {**GOOD, "use": "enc"},
    "for signing only": {**GOOD, "key_ops": ["sign"]},
    "operations that are no list": {**GOOD, "key_ops": "verify"},
    "private": {**GOOD, "d": "AA"},
    "symmetric": {"kty": "oct", "kid": "first", "k": "c2VjcmV0"},
    "another algorithm": {**GOOD, "alg": "ES384"},
    "an HMAC algorithm": {**GOOD, "alg": "HS256"},
    "another curve": {
        **ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True),
        "kid": "first",
    },
    "a point that is not on the curve": {**GOOD, "x": GOOD["y"]},
    "an id that is no string": {**GOOD, "kid": 1},
    "a type that is no string": {**GOOD, "kty": ["EC"]},
    "no type": without(GOOD, "kty"),
    "no point": without(GOOD, "x"),
    "a short RSA key": an_rsa_jwk(1024),
    "an RSA key that is not base64": {"kty": "RSA", "kid": "first", "n": "!", "e": "AQAB"},
    "null": None,
    "a string": "key",
}


@pytest.mark.parametrize("jwk", UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_key_is_ignored(jwk: object) -> None:
    keys = parsed(jwk, a_key("EdDSA", "second").jwk)
    assert keys.find("second", "EdDSA") is not None
    assert not keys.knows("first")
    assert not keys.knows("short")


def test_keys_after_the_hundredth_are_ignored() -> None:
    jwk = a_key("EdDSA").jwk
    keys = parsed(*({**jwk, "kid": str(number)} for number in range(101)))
    assert (keys.knows("99"), keys.knows("100")) == (True, False)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[]}',
        b'{"keys":[{"kty":"oct","k":"AA"}]}',
        b"\xff",
    ],
)
def test_a_document_without_a_usable_key_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_key_set(raw)
