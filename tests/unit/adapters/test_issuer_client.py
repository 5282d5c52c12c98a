"""The client reads the issuer's documents, and refuses those that could harm the service."""

import gzip
import json
from collections.abc import Iterator

import pytest

from adapters.security import issuer_client
from adapters.security.issuer_client import MAX_BYTES, IssuerClient, IssuerError
from tests.support.oidc_issuer import ALGORITHMS, KEYS, METADATA, Issuer, a_key, running_issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


async def reason(issuer: Issuer, seconds: float = 30) -> str:
    with pytest.raises(IssuerError) as refused:
        await IssuerClient(issuer.url, seconds).fetch()
    return str(refused.value)


async def test_the_keys_are_found_through_the_metadata(issuer: Issuer) -> None:
    issuer.keys = [a_key(algorithm, algorithm) for algorithm in ALGORITHMS]
    keys = await IssuerClient(issuer.url).fetch()
    assert all(keys.find(algorithm, algorithm) for algorithm in ALGORITHMS)
    assert issuer.requests == [METADATA, KEYS]


async def test_an_issuer_may_end_with_a_slash(issuer: Issuer) -> None:
    issuer.metadata["issuer"] = f"{issuer.url}/"
    assert (await IssuerClient(f"{issuer.url}/").fetch()).knows("first")


@pytest.mark.parametrize("other", ["https://attacker.example", None, "", 1, ["x"]])
async def test_metadata_of_another_issuer_is_refused(issuer: Issuer, other: object) -> None:
    issuer.metadata["issuer"] = other
    assert "another issuer" in await reason(issuer)
    assert issuer.requests == [METADATA]


@pytest.mark.parametrize(
    "url", [None, 1, "", "keys", "http://login.example.com/keys", "file:///etc/passwd", "ftp://a"]
)
async def test_an_unsafe_address_of_the_keys_is_refused(issuer: Issuer, url: object) -> None:
    issuer.metadata["jwks_uri"] = url
    assert "jwks_uri" in await reason(issuer) or "https URL" in await reason(issuer)
    assert KEYS not in issuer.requests


def test_a_secure_issuer_has_no_keys_without_tls() -> None:
    client = IssuerClient("https://login.example.com")
    metadata = {"issuer": "https://login.example.com", "jwks_uri": "http://127.0.0.1/keys"}
    with pytest.raises(ValueError, match="not https"):
        client._keys_url(metadata)
    metadata["jwks_uri"] = "https://keys.example.net/keys"
    assert client._keys_url(metadata) == metadata["jwks_uri"]


@pytest.mark.parametrize("path", [METADATA, KEYS])
async def test_a_redirect_is_not_followed(issuer: Issuer, path: str) -> None:
    issuer.answers[path] = (302, {"Location": f"{issuer.url}/elsewhere"}, b"")
    assert "answered 302" in await reason(issuer)
    assert "/elsewhere" not in issuer.requests


@pytest.mark.parametrize("path", [METADATA, KEYS])
async def test_a_huge_answer_is_not_read_to_its_end(issuer: Issuer, path: str) -> None:
    issuer.answers[path] = (200, {}, b" " * (MAX_BYTES + 1))
    assert f"more than {MAX_BYTES} bytes" in await reason(issuer)


async def test_a_compressed_answer_is_refused(issuer: Issuer) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    issuer.answers[KEYS] = (200, {"Content-Encoding": "gzip"}, bomb)
    assert "content coding" in await reason(issuer)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"{", b"[" * 100_000, b"\xff", b'"text"'], ids=range(6)
)
@pytest.mark.parametrize("path", [METADATA, KEYS])
async def test_a_malformed_answer_is_an_error(issuer: Issuer, path: str, body: bytes) -> None:
    issuer.answers[path] = (200, {}, body)
    assert await reason(issuer)


@pytest.mark.parametrize("status", [204, 401, 404, 500, 503])
async def test_another_status_is_an_error(issuer: Issuer, status: int) -> None:
    issuer.answers[METADATA] = (status, {}, b"")
    assert f"answered {status}" in await reason(issuer)


async def test_a_silent_issuer_is_given_up(issuer: Issuer) -> None:
    issuer.is_open.clear()
    assert "no answer within" in await reason(issuer, 0.05)


async def test_an_unreachable_issuer_is_an_error() -> None:
    with running_issuer() as issuer:
        pass
    assert await reason(issuer)


async def test_proxies_in_the_environment_are_not_used(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await IssuerClient(issuer.url).fetch()).knows("first")


async def test_an_answer_of_the_largest_size_is_accepted(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"keys": [a_key().jwk]}).encode()
    issuer.answers[KEYS] = (200, {}, body)
    monkeypatch.setattr(issuer_client, "MAX_BYTES", max(len(body), 200))
    assert (await IssuerClient(issuer.url).fetch()).knows("first")
