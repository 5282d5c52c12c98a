import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.security.keys import SigningKeys
from adapters.security.token_memory import TokenMemory
from adapters.security.tokens import JwtTokens
from application.errors import NotAuthenticated, TokenExpired
from application.ports.accounts import AccessClaims, ClientGrant
from domain.ids import ClientId, UserId
from domain.scope import Scope

OLD, NEW = b"o" * 32, b"n" * 32
NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
LIFETIME = 1800

USER, TOKEN, FAMILY = UserId(uuid4()), uuid4(), uuid4()


def tokens(secret: bytes = OLD, *previous: bytes, remembered: int = 10_000) -> JwtTokens:
    return JwtTokens(SigningKeys(secret, previous), LIFETIME, remembered)


def issued(by: JwtTokens, now: datetime = NOW) -> str:
    return by.issue(USER, TOKEN, FAMILY, now).text


def forged(
    key: bytes = OLD,
    algorithm: str | None = "HS256",
    header: Mapping[str, Any] | None = None,
    without: str | None = None,
    **changed: object,
) -> str:
    """Return a token from the service, but with changed or missing claims."""
    text = issued(tokens())
    right = jwt.decode(text, options={"verify_signature": False})
    claims = {name: value for name, value in (right | changed).items() if name != without}
    kept = {**jwt.get_unverified_header(text), "alg": algorithm or "none", **(header or {})}
    if kept["kid"] is None:
        del kept["kid"]
    return jwt.encode(claims, key if algorithm else "", algorithm=algorithm, headers=kept)


def assert_refused(token: str, by: JwtTokens | None = None, now: datetime = NOW) -> None:
    with pytest.raises(NotAuthenticated):
        (by or tokens()).verify(token, now)


def base64url(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(1, 10**8),
)
def test_a_token_has_its_claims_with_times_in_whole_seconds(now: datetime, lifetime: int) -> None:
    by = JwtTokens(SigningKeys(OLD), lifetime)
    token = by.issue(USER, TOKEN, FAMILY, now)
    assert token.expires_in == lifetime
    issued_at = now.replace(microsecond=0)
    expires_at = issued_at + timedelta(seconds=lifetime)
    assert by.verify(token.text, now) == AccessClaims(USER, TOKEN, FAMILY, issued_at, expires_at)
    payload = jwt.decode(token.text, options={"verify_signature": False})
    assert (type(payload["iat"]), type(payload["exp"])) == (int, int)


def test_the_header_has_the_type_and_a_key_id_that_does_not_reveal_the_key() -> None:
    name = hashlib.sha256(hashlib.sha256(OLD).digest()).hexdigest()[:8]
    header = jwt.get_unverified_header(issued(tokens()))
    assert header == {"alg": "HS256", "typ": "at+jwt", "kid": name}


def test_a_token_that_is_signed_again_with_the_same_key_is_valid() -> None:
    assert tokens().verify(forged(), NOW).user_id == USER


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(forged(key=NEW), id="another secret"),
        pytest.param(forged(algorithm=None), id="alg none"),
        pytest.param(forged(algorithm="HS512", key=OLD * 2), id="another algorithm"),
        pytest.param(forged(algorithm="HS384", key=OLD * 2), id="a second other algorithm"),
        pytest.param(forged(header={"typ": "JWT"}), id="another type"),
        pytest.param(forged(header={"typ": "rt+jwt"}), id="refresh token"),
        pytest.param(forged(header={"typ": None}), id="no type"),
        pytest.param(forged(header={"kid": "00000000"}), id="unknown key"),
        pytest.param(forged(header={"kid": None}), id="no key"),
        pytest.param(forged(header={"crit": ["exp"]}), id="an unknown extension"),
        pytest.param(forged(iss="somebody-else"), id="another issuer"),
        pytest.param(forged(aud="somebody-else"), id="another audience"),
        pytest.param(forged(aud=["order-management-service", "x"]), id="several audiences"),
        pytest.param(forged(sub="admin"), id="no user id"),
        pytest.param(forged(jti="1"), id="no token id"),
        pytest.param(forged(fam=7), id="no family"),
        pytest.param(forged(iat="now"), id="invalid iat"),
        pytest.param(forged(exp=float("inf")), id="infinite expiry"),
        pytest.param(forged(nbf="now"), id="invalid nbf"),
        pytest.param(forged(nbf=None), id="nbf null"),
        pytest.param(forged(exp=float("nan")), id="nan expiry"),
        pytest.param(forged(exp=10**30), id="huge expiry"),
        *(
            pytest.param(forged(without=claim), id=f"without {claim}")
            for claim in ("iss", "aud", "sub", "jti", "fam", "iat", "exp")
        ),
    ],
)
def test_a_forged_or_foreign_token_is_refused(token: str) -> None:
    assert_refused(token)


def test_a_token_expires_at_the_exact_microsecond_cached_or_not() -> None:
    by, end = tokens(), NOW.replace(microsecond=0) + timedelta(seconds=LIFETIME)
    token = issued(by)
    by.verify(token, end - timedelta(microseconds=1))
    for each in (by, tokens()):
        with pytest.raises(TokenExpired):
            each.verify(token, end)


def test_a_token_with_fractions_of_seconds_is_valid() -> None:
    token = forged(iat=NOW.timestamp(), exp=NOW.timestamp() + 0.5)
    assert tokens().verify(token, NOW).expires_at == NOW + timedelta(seconds=0.5)


def test_a_token_is_not_valid_before_its_nbf_cached_or_not() -> None:
    by, start = tokens(), NOW.replace(microsecond=0)
    token = forged(nbf=int(start.timestamp()))
    assert_refused(token, by, start - timedelta(microseconds=1))
    assert by.verify(token, start).user_id == USER
    assert_refused(token, by, start - timedelta(microseconds=1))


def test_a_token_issued_by_a_fast_clock_is_valid() -> None:
    assert tokens().verify(issued(tokens(), NOW + timedelta(seconds=5)), NOW).user_id == USER


def test_a_token_is_valid_while_its_key_is_current_or_previous() -> None:
    rotated = tokens(NEW, OLD)
    assert rotated.verify(issued(tokens(OLD)), NOW).user_id == USER
    assert_refused(issued(rotated), tokens(OLD))
    assert_refused(issued(tokens(OLD)), tokens(NEW))


@pytest.mark.parametrize("secrets", [(b"s" * 31,), (b"",), (OLD, b"s" * 31)])
def test_a_secret_under_32_bytes_is_refused(secrets: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        tokens(*secrets)


@given(st.text() | st.builds(".".join, st.lists(st.text("AZaz09-_=.{}\"'"), max_size=5)))
def test_garbage_is_refused(text: str) -> None:
    assert_refused(text)


@given(st.integers(0, 2000), st.characters())
def test_a_token_with_one_changed_character_is_refused(at: int, character: str) -> None:
    token = issued(tokens())
    at %= len(token)
    changed = token[:at] + character + token[at + 1 :]
    if changed != token:
        assert_refused(changed)


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 5000,
        b'{"a":' * 1000,
        b"1" * 5000,
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"alg":"HS256","typ":"at+jwt","kid":["x"]}',
        b'{"alg":["HS256"],"typ":{},"kid":{}}',
        b'{"alg":"HS256","typ":"at+jwt","kid":"\\ud800"}',
    ],
)
def test_a_hostile_header_is_refused(header: bytes) -> None:
    assert_refused(f"{base64url(header)}.{base64url(b'{}')}.{base64url(b'x' * 32)}")


@pytest.mark.parametrize(
    "token", ["\ud800", "\ud800.a.b", "a.b", "..", "...", "", "a" * 9000, "a." * 4096]
)
def test_a_string_that_is_not_a_token_is_refused(token: str) -> None:
    assert_refused(token)


def test_a_signed_token_over_8_kib_is_refused() -> None:
    assert_refused(forged(padding="x" * 8192))


def test_a_huge_text_is_refused_without_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(jwt, "get_unverified_header", read.append)
    assert_refused("a." * 5_000_000)
    assert read == []


def test_a_second_spelling_of_a_token_is_refused() -> None:
    token = issued(tokens())
    assert_refused(f"{token}=")
    assert_refused(token.replace(".", "=.", 1))


def test_a_repeated_token_is_not_verified_again(monkeypatch: pytest.MonkeyPatch) -> None:
    by = tokens()
    token = issued(by)
    first = by.verify(token, NOW)
    monkeypatch.setattr(jwt, "decode", None)
    assert by.verify(json.loads(json.dumps(token)), NOW) is first


def test_a_refused_token_is_not_cached() -> None:
    by = tokens()
    assert_refused(issued(by), by, NOW + timedelta(days=1))
    assert_refused(forged(key=NEW), by)
    assert not by._memory._claims


def claims(token_id: UUID) -> AccessClaims:
    return AccessClaims(USER, token_id, FAMILY, NOW, NOW)


def test_the_cache_is_bounded_and_drops_the_least_recently_used_token() -> None:
    memory = TokenMemory(2)
    memory.put("a", claims(uuid4()))
    memory.put("b", claims(uuid4()))
    assert memory.get("a")
    memory.put("c", claims(uuid4()))
    assert [bool(memory.get(text)) for text in "abc"] == [True, False, True]


# --- Tokens of machine clients

GRANT = ClientGrant(ClientId(uuid4()), frozenset({Scope.ORDERS_READ, Scope.ORDERS_STATUS}))


def test_a_clients_token_has_the_claims_of_rfc_9068() -> None:
    by = tokens()
    text = by.issue_to_client(GRANT, TOKEN, NOW).text
    payload = jwt.decode(text, options={"verify_signature": False})
    assert payload["sub"] == payload["client_id"] == str(GRANT.client_id)
    assert payload["jti"] == str(TOKEN)
    assert payload["scope"] == "orders:read orders:status"
    claims = by.verify(text, NOW)
    assert (claims.client, claims.family, claims.token_id) == (GRANT, GRANT.client_id, TOKEN)


def test_an_accounts_token_is_never_a_clients() -> None:
    assert tokens().verify(issued(tokens()), NOW).client is None


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": str(USER)},
        {"scope": "orders:read"},
        {"client_id": None, "scope": None},
        {"client_id": str(USER), "scope": "orders:read"},  # `fam` is a session
        {"client_id": str(FAMILY), "scope": "orders:read"},
        {"client_id": str(FAMILY), "fam": str(FAMILY), "scope": "orders:read"},
        {"client_id": str(USER), "fam": str(USER), "scope": ["orders:read"]},
        {"client_id": [str(USER)], "fam": str(USER), "scope": "orders:read"},
    ],
    ids=range(8),  # the ids of accounts are random, but tests need the same name in each worker
)
def test_claims_of_both_kinds_of_tokens_are_refused(changed: dict[str, object]) -> None:
    assert_refused(forged(**changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scope", "known"),
    [("orders:read orders:refund", {Scope.ORDERS_READ}), ("orders:refund", set()), ("", set())],
)
def test_unknown_scopes_are_ignored(scope: str, known: set[Scope]) -> None:
    token = forged(client_id=str(USER), fam=str(USER), scope=scope)
    client = tokens().verify(token, NOW).client
    assert client == ClientGrant(ClientId(USER), frozenset(known))
