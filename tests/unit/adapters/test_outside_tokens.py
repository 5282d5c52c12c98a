"""Tokens of the outside issuer: the genuine ones are accepted, and no others."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_decode, der_to_raw_signature, raw_to_der_signature

from adapters.security.issuer_client import IssuerClient
from adapters.security.issuer_keys import IssuerKeys
from adapters.security.outside_tokens import IssuerTokens
from application.errors import IssuerUnavailable, NotAuthenticated, TokenExpired
from application.ports.outside_issuer import OutsideClaims, OutsideIdentity
from tests.support.jws import base64url, jws, parts_of
from tests.support.oidc_issuer import ALGORITHMS, AUDIENCE, KEYS, Issuer, a_key, running_issuer
from tests.support.token_attacks import ATTACKER_KEY, forged, misspelled

#: The order of the curve P-256 (FIPS 186-4).
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Harness:
    """An issuer and the verifier of its tokens."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        fetch = IssuerClient(issuer.url).fetch
        self.keys = IssuerKeys(fetch, monotonic, wait_seconds=60)
        self.tokens = IssuerTokens(issuer.url, AUDIENCE, self.keys)

    async def verify(self, token: str, now: datetime | None = None) -> OutsideClaims:
        return await self.tokens.verify(token, now or datetime.now(UTC))

    async def assert_refused(self, token: str, name: str = "") -> None:
        try:
            await self.verify(token)
        except TokenExpired:
            pytest.fail(f"{name} counts as expired")
        except NotAuthenticated:
            return
        pytest.fail(f"{name} is accepted")


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    with running_issuer() as issuer:
        harness = Harness(issuer)
        yield harness
        await harness.keys.close()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_of_each_algorithm_is_accepted(harness: Harness, algorithm: str) -> None:
    harness.issuer.keys = [a_key(algorithm)]
    now = datetime.now(UTC)
    claims = await harness.verify(
        harness.issuer.token(sub="ada", nbf=int(now.timestamp())), now + timedelta(seconds=1)
    )
    assert claims.identity == OutsideIdentity(harness.issuer.url, "ada")
    assert claims.expires_at - claims.issued_at == timedelta(minutes=5)
    assert claims.email is None


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", "jwt", None])
@pytest.mark.parametrize("aud", [AUDIENCE, [AUDIENCE], ["account", AUDIENCE]])
async def test_the_usual_types_and_audiences_are_accepted(
    harness: Harness, typ: str, aud: object
) -> None:
    await harness.verify(harness.issuer.token(header={"typ": typ}, aud=aud))


async def test_a_token_without_a_key_id_needs_a_single_key(harness: Harness) -> None:
    token = harness.issuer.token(header={"kid": None})
    await harness.verify(token)
    harness.issuer.keys.append(a_key("ES256", "second"))
    fresh = Harness(harness.issuer)
    await fresh.assert_refused(token)


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "ada@example.com", "email_verified": True}, "ada@example.com"),
        ({"email": "ada@example.com", "email_verified": False}, None),
        ({"email": "ada@example.com", "email_verified": "true"}, None),
        ({"email": "ada@example.com", "email_verified": 1}, None),
        ({"email": "ada@example.com"}, None),
        ({"email": ["ada@example.com"], "email_verified": True}, None),
        ({"email_verified": True}, None),
    ],
)
async def test_only_a_verified_address_is_returned(
    harness: Harness, claims: Mapping[str, Any], email: str | None
) -> None:
    assert (await harness.verify(harness.issuer.token(**claims))).email == email


def _objects(*values: object) -> tuple[object, ...]:
    return values


#: Changed claims for which a token is refused, although its signature is valid.
MISISSUED: Mapping[str, Mapping[str, Any]] = {
    **{
        f"iss is {each!r}": {"iss": each}
        for each in ("https://attacker.example", "order-management-service", "")
    },
    **{
        f"aud is {each!r}": {"aud": each}
        for each in _objects("", "account", "Orders", "orders ", [], ["account"], 1, {})
    },
    **{
        f"sub is {str(each)[:20]!r}": {"sub": each}
        for each in _objects("", "\0", "a\nb", "\u00e9", "\ud800", "x" * 256, 7, ["ada"], {})
    },
    "iat is in the future": {"iat": 2**33},
    "iat is infinite": {"iat": float("inf")},
    "iat is a string": {"iat": "now"},
    "nbf is in the future": {"nbf": 2**33},
    "nbf is a string": {"nbf": "now"},
    "exp is a string": {"exp": "later"},
    "exp is huge": {"exp": 10**30},
    "exp is not a number": {"exp": float("nan")},
    **{f"without {name}": {name: None} for name in ("iss", "aud", "sub", "iat", "exp")},
    "an ID token of the implicit flow": {"at_hash": "x"},
    "an ID token of the hybrid flow": {"c_hash": "x"},
    "an ID token of Keycloak": {"typ": "ID"},
    "a refresh token of Keycloak": {"typ": "Refresh"},
    "an ID token of Cognito": {"token_use": "id"},
    "a logout token": {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    "oversized": {"padding": "x" * 8192},
}


async def test_a_token_for_another_purpose_is_refused(harness: Harness) -> None:
    await harness.verify(harness.issuer.token())
    for name, changed in MISISSUED.items():
        if name.startswith(("iss", "without iss")):  # PyJWT would refuse to write some of these
            continue
        await harness.assert_refused(harness.issuer.token(**changed), name)


async def test_a_token_of_another_issuer_causes_no_request(harness: Harness) -> None:
    for name, changed in MISISSUED.items():
        if name.startswith(("iss", "without iss")):
            await harness.assert_refused(harness.issuer.token(**changed), name)
    assert harness.issuer.requests == []


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "rt+jwt"},
        {"typ": "logout+jwt"},
        {"typ": "dpop+jwt"},
        {"typ": "none"},
        {"kid": ""},
        {"kid": "k" * 513},
        {"crit": ["x"], "x": 1},
    ],
)
async def test_another_header_is_refused(harness: Harness, header: Mapping[str, object]) -> None:
    await harness.assert_refused(harness.issuer.token(header=header))


async def test_a_token_expires_without_leeway(harness: Harness) -> None:
    token = harness.issuer.token()
    end = (await harness.verify(token)).expires_at
    await harness.verify(token, end - timedelta(microseconds=1))
    with pytest.raises(TokenExpired):
        await harness.verify(token, end)


@pytest.mark.parametrize("name", ["iat", "nbf"])
async def test_the_issuers_clock_may_be_a_minute_fast(harness: Harness, name: str) -> None:
    now = int(time.time())
    changed: dict[str, Any] = {name: now + 60}
    token = harness.issuer.token(**changed)
    start = datetime.fromtimestamp(now, UTC)
    await harness.verify(token, start)
    with pytest.raises(NotAuthenticated):
        await harness.verify(token, start - timedelta(microseconds=1))


async def test_a_key_verifies_its_own_tokens_only(harness: Harness) -> None:
    harness.issuer.keys = [a_key(each, each) for each in ALGORITHMS]
    for signer in harness.issuer.keys:
        for named in harness.issuer.keys:
            token = harness.issuer.token(signer, header={"kid": named.kid})
            if signer is named:
                await harness.verify(token)
            else:
                await harness.assert_refused(token, f"{signer.kid} as {named.kid}")


async def test_a_key_that_the_issuer_does_not_have_is_refused(harness: Harness) -> None:
    await harness.assert_refused(harness.issuer.token(a_key("RS256", "attacker")))
    stranger = a_key("RS256", "attacker")
    await harness.assert_refused(harness.issuer.token(stranger, header={"kid": "first"}))


def public_forms(key: Any) -> list[bytes]:
    """Return every spelling of a public key that an attacker may try as an HMAC secret."""
    public, jwk = key.private.public_key(), key.jwk
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    compact = json.dumps(jwk, separators=(",", ":")).encode()
    return [pem, pem.strip(), der, json.dumps(jwk).encode(), compact]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_public_key_is_no_hmac_secret(harness: Harness, algorithm: str) -> None:
    key = a_key(algorithm)
    harness.issuer.keys = [key]
    genuine = harness.issuer.token()
    await harness.verify(genuine)
    for name, token in forged(genuine, public_forms(key)).items():
        await harness.assert_refused(token, name)


async def test_another_spelling_of_a_token_is_refused(harness: Harness) -> None:
    harness.issuer.keys = [a_key("EdDSA")]
    genuine = harness.issuer.token()
    for name, token in misspelled(genuine).items():
        await harness.assert_refused(token, name)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "\ud800.a.b", "a." * 4096, "a" * 9000])
async def test_garbage_is_refused_without_a_request(harness: Harness, token: str) -> None:
    await harness.assert_refused(token)
    assert harness.issuer.requests == []


async def test_an_embedded_key_is_ignored(harness: Harness) -> None:
    stranger = a_key("RS256", "attacker")
    for header in (
        {"jwk": stranger.jwk},
        {"jku": "https://attacker.example"},
        {"x5u": "https://a"},
    ):
        token = harness.issuer.token(stranger, header={"kid": "first", **header})
        await harness.assert_refused(token, str(header))


async def test_the_id_is_the_same_for_each_signature_of_a_token(harness: Harness) -> None:
    """Turn an ECDSA signature (r, s) into (r, -s), which is just as valid."""
    harness.issuer.keys = [a_key("ES256")]
    token = harness.issuer.token()
    signed, _, signature = token.rpartition(".")
    curve = a_key("ES256").private.curve
    r, s = decode_dss_signature(raw_to_der_signature(base64url_decode(signature), curve))
    twin = der_to_raw_signature(encode_dss_signature(r, P256_ORDER - s), curve)
    other = f"{signed}.{base64url(twin)}"
    assert other != token
    assert (await harness.verify(other)).token_id == (await harness.verify(token)).token_id
    another = harness.issuer.token()
    assert (await harness.verify(another)).token_id != (await harness.verify(token)).token_id


async def test_a_rotation_needs_no_restart(harness: Harness) -> None:
    await harness.verify(harness.issuer.token())
    harness.issuer.keys = [a_key("ES256", "second"), a_key("RS256", "first")]
    harness.keys._attempted_at = -1000.0  # as if the last attempt was long ago
    await harness.verify(harness.issuer.token())
    assert harness.issuer.requests.count(KEYS) == 2


async def test_an_unreachable_issuer_is_not_the_tokens_fault(harness: Harness) -> None:
    harness.issuer.close()
    with pytest.raises(IssuerUnavailable):
        await harness.verify(harness.issuer.token())


async def test_the_attacks_are_made_from_a_valid_form(harness: Harness) -> None:
    header, payload, _ = parts_of(harness.issuer.token())
    await harness.assert_refused(jws({**header, "alg": "HS256"}, payload, ATTACKER_KEY))
