"""Tokens that are signed with Ed25519, and the change-over from and to a secret."""

from datetime import UTC, datetime
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from adapters.security.ed25519 import KeyPairs
from adapters.security.keys import SigningKeys, key_id
from adapters.security.tokens import JwtTokens
from application.errors import NotAuthenticated
from domain.ids import UserId
from tests.support.jws import jws, parts_of
from tests.support.key_files import a_private_key
from tests.support.token_attacks import ATTACKER_KEY, forged, misspelled

SECRET = b"s" * 32
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
USER = UserId(uuid4())
OLD, NEW = a_private_key(), a_private_key()


def tokens(pairs: KeyPairs, secret: bytes = SECRET) -> JwtTokens:
    return JwtTokens(SigningKeys(secret), 1800, pairs=pairs)


def issued(by: JwtTokens) -> str:
    return by.issue(USER, uuid4(), uuid4(), NOW).text


def test_a_token_is_signed_with_the_private_key() -> None:
    token = issued(tokens(KeyPairs(OLD)))
    header = jwt.get_unverified_header(token)
    assert header == {"alg": "EdDSA", "typ": "at+jwt", "kid": OLD.public.id}
    jwk = jwt.PyJWK(dict(OLD.public.jwk))
    payload = jwt.decode(
        token,
        jwk,
        algorithms=["EdDSA"],
        audience="order-management-service",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert payload["sub"] == str(USER)
    assert tokens(KeyPairs(OLD)).verify(token, NOW).user_id == USER


def test_tokens_of_the_secret_are_valid_during_the_change_over_and_back() -> None:
    before, after = tokens(KeyPairs()), tokens(KeyPairs(NEW))
    assert after.verify(issued(before), NOW).user_id == USER
    back = tokens(KeyPairs(None, (NEW.public,)))
    assert back.verify(issued(after), NOW).user_id == USER
    assert jwt.get_unverified_header(issued(back))["alg"] == "HS256"
    with pytest.raises(NotAuthenticated):
        before.verify(issued(after), NOW)


def test_a_token_is_valid_while_its_key_is_current_or_published() -> None:
    first, second = tokens(KeyPairs(OLD, (NEW.public,))), tokens(KeyPairs(NEW, (OLD.public,)))
    assert first.verify(issued(second), NOW).user_id == USER
    assert second.verify(issued(first), NOW).user_id == USER
    with pytest.raises(NotAuthenticated):
        tokens(KeyPairs(NEW)).verify(issued(first), NOW)


def test_the_public_key_is_no_hmac_secret() -> None:
    by = tokens(KeyPairs(OLD))
    genuine = issued(by)
    public = OLD.public.loaded()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, token in forged(genuine, (pem, pem.strip(), OLD.public.raw)).items():
        with pytest.raises(NotAuthenticated):
            pytest.fail(f"{name}: {by.verify(token, NOW)}")


def test_a_key_never_verifies_the_algorithm_of_another() -> None:
    by = tokens(KeyPairs(OLD))
    header, payload, _ = parts_of(issued(by))
    confused = [
        jws({**header, "alg": "HS256"}, payload, SECRET),
        jws({**header, "alg": "HS256", "kid": key_id(SECRET)}, payload, ATTACKER_KEY),
        jwt.encode(payload, OLD.loaded(), "EdDSA", {**header, "kid": key_id(SECRET)}),
        jwt.encode(payload, NEW.loaded(), "EdDSA", header),
    ]
    for token in confused:
        with pytest.raises(NotAuthenticated):
            by.verify(token, NOW)
    right = jws({**header, "alg": "HS256", "kid": key_id(SECRET)}, payload, SECRET)
    assert by.verify(right, NOW).user_id == USER


def test_another_spelling_of_a_token_is_refused() -> None:
    by = tokens(KeyPairs(OLD))
    for token in misspelled(issued(by)).values():
        with pytest.raises(NotAuthenticated):
            by.verify(token, NOW)


def test_claims_that_were_verified_elsewhere_are_remembered_until_they_expire() -> None:
    by = tokens(KeyPairs())
    claims = by.verify(issued(by), NOW)
    by.remember("outside", claims)
    assert by.verify("outside", NOW) is claims
    with pytest.raises(NotAuthenticated):
        by.verify("outside", claims.expires_at)
