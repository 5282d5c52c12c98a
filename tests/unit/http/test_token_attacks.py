"""The guard of a route refuses every forged, misspelled or misissued token with a 401."""

import time
from collections.abc import AsyncIterator

import httpx
import pytest

from entrypoints.composition.providers.memory import MemoryStorageProvider
from tests.support.app import KEY, running_app
from tests.support.token_attacks import forged, misissued, misspelled

ACCOUNT = {"email": "ada@example.com", "password": "correct horse battery"}
INVALID, EXPIRED = "token-invalid", "token-expired"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with running_app("", MemoryStorageProvider()) as app:
        yield app.client


async def a_token(client: httpx.AsyncClient) -> str:
    await client.post("/register/", json=ACCOUNT)
    form = {"username": ACCOUNT["email"], "password": ACCOUNT["password"]}
    token: str = (await client.post("/token/", data=form)).json()["access_token"]
    return token


async def refusal(client: httpx.AsyncClient, *authorization: str) -> tuple[int, str, str]:
    """Return the status, the problem's code, and how to authenticate."""
    headers = [("authorization", each) for each in authorization]
    answer = await client.get("/me/", headers=headers)
    return answer.status_code, answer.json().get("code"), answer.headers.get("www-authenticate", "")


async def test_an_attack_with_a_token_is_a_401(client: httpx.AsyncClient) -> None:
    genuine = await a_token(client)
    accepted = await client.get("/me/", headers={"Authorization": f"Bearer {genuine}"})
    assert accepted.status_code == 200
    attacks = {
        **forged(genuine),
        **misspelled(genuine),
        **misissued(genuine, KEY.encode(), int(time.time())),
    }
    for name, token in attacks.items():
        status, code, how = await refusal(client, f"Bearer {token}")
        assert (status, code in {INVALID, EXPIRED}) == (401, True), name
        assert how.startswith('Bearer error="invalid_token"'), name


@pytest.mark.parametrize(
    "scheme",
    ["", "Bearer", "Bearer ", "Basic {}", "Token {}", "Bearer:{}", "Bearer{}", "{}", "MAC {}"],
)
async def test_a_token_without_the_scheme_bearer_is_a_401(
    client: httpx.AsyncClient, scheme: str
) -> None:
    found = await refusal(client, scheme.format(await a_token(client)))
    assert found == (401, "token-missing", "Bearer")


async def test_two_tokens_are_a_400(client: httpx.AsyncClient) -> None:
    genuine = f"Bearer {await a_token(client)}"
    for second in (genuine, "Bearer x", ""):
        assert (await refusal(client, genuine, second))[:2] == (400, "repeated-header")


async def test_a_token_is_only_read_from_the_authorization_header(
    client: httpx.AsyncClient,
) -> None:
    genuine = await a_token(client)
    for headers in ({"X-Access-Token": genuine}, {"Cookie": f"access_token={genuine}"}):
        assert (await client.get("/me/", headers=headers)).status_code == 401
    assert (await client.get("/me/", params={"access_token": genuine})).status_code == 401
    assert (await client.post("/orders/", data={"access_token": genuine})).status_code == 401
