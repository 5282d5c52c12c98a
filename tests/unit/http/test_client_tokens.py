"""The client credentials grant, and how routes and logs treat machine clients."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus
from uuid import uuid4

import httpx
import jwt
import pytest
from dishka import AsyncContainer
from structlog.testing import capture_logs

from application.clients.create_client import CreateClient, NewClient
from application.clients.revoke_client import RevokeClient
from domain.scope import Scope
from entrypoints.composition.providers.memory import MemoryStorageProvider
from tests.support.app import running_app

ACCOUNT = {"email": "ada@example.com", "password": "correct horse battery"}
ORDER = {"items": [{"name": "tea"}], "total_price": 4.5}
FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Harness:
    """The API with a machine client."""

    http: httpx.AsyncClient
    container: AsyncContainer
    created: NewClient

    @property
    def id(self) -> str:
        return str(self.created.client.id)

    @property
    def secret(self) -> str:
        return self.created.secret

    async def post(self, headers: Any = None, **form: str) -> httpx.Response:
        form = {"grant_type": "client_credentials"} | form
        return await self.http.post("/token/", data=form, headers=headers)

    async def token(self, **form: str) -> str:
        answer = await self.post(client_id=self.id, client_secret=self.secret, **form)
        token: str = answer.json()["access_token"]
        return token


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    async with running_app("", MemoryStorageProvider()) as app:
        create = await app.container.get(CreateClient)
        created = await create("payments", frozenset(Scope))
        yield Harness(app.client, app.container, created)


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"}


def problem(answer: httpx.Response) -> tuple[int, str, str | None]:
    body = answer.json()
    return answer.status_code, body["code"], body.get("error")


def places(answer: httpx.Response) -> list[tuple[str, str]]:
    return [
        (each.get("parameter") or each.get("header"), each["code"])
        for each in answer.json()["errors"]
    ]


async def test_a_client_gets_a_token_for_its_id_and_secret(harness: Harness) -> None:
    answer = await harness.post(client_id=harness.id, client_secret=harness.secret)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 1800)
    assert body["scope"] == "orders:read orders:status"
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["client_id"], claims["scope"]) == (
        harness.id,
        harness.id,
        body["scope"],
    )


async def test_the_credentials_may_be_in_a_basic_header(harness: Harness) -> None:
    for headers in (
        basic(harness.id, harness.secret),
        basic(quote_plus(harness.id), "".join(f"%{ord(each):02x}" for each in harness.secret)),
        {"Authorization": basic(harness.id, harness.secret)["Authorization"].replace("B", "b", 1)},
    ):
        assert (await harness.post(headers)).status_code == 200
    repeated = await harness.post(basic(harness.id, harness.secret), client_id=harness.id)
    assert repeated.status_code == 200


@pytest.mark.parametrize("authorization", ["Basic Og==", "Basic", "Bearer x", ""])
async def test_a_header_without_basic_credentials_is_ignored(
    harness: Harness, authorization: str
) -> None:
    headers = {"Authorization": authorization}
    answer = await harness.post(headers, client_id=harness.id, client_secret=harness.secret)
    assert answer.status_code == 200


async def test_credentials_in_two_places_are_422(harness: Harness) -> None:
    headers = basic(harness.id, harness.secret)
    twice = await harness.post(headers, client_id=harness.id, client_secret=harness.secret)
    assert problem(twice) == (422, "invalid-request", "invalid_request")
    assert places(twice) == [("client_secret", "two-credentials")]
    two_ids = await harness.post(headers, client_id=str(uuid4()))
    assert problem(two_ids) == (422, "invalid-request", "invalid_request")
    assert places(two_ids) == [("client_id", "two-credentials")]


@pytest.mark.parametrize(
    "encoded", ["!", "YQ", base64.b64encode(b"no colon").decode(), "/w==", "JWZmOiVmZg=="]
)
async def test_an_ill_formed_basic_header_is_422(harness: Harness, encoded: str) -> None:
    answer = await harness.post({"Authorization": f"Basic {encoded}"})
    assert problem(answer) == (422, "invalid-request", "invalid_request")
    assert places(answer) == [("Authorization", "bad-credentials")]


async def test_a_repeated_authorization_header_is_400(harness: Harness) -> None:
    header = ("Authorization", basic(harness.id, harness.secret)["Authorization"])
    answer = await harness.http.post(
        "/token/",
        content="grant_type=client_credentials",
        headers=[*FORM_TYPE.items(), header, header],
    )
    assert problem(answer) == (400, "repeated-header", None)


async def test_a_query_is_422(harness: Harness) -> None:
    answer = await harness.http.post(
        "/token/?scope=orders:read", content="grant_type=client_credentials", headers=FORM_TYPE
    )
    assert problem(answer) == (422, "invalid-request", "invalid_request")


async def test_every_kind_of_wrong_credentials_has_the_same_answer(harness: Harness) -> None:
    create = await harness.container.get(CreateClient)
    revoked = await create("revoked", frozenset(Scope))
    await (await harness.container.get(RevokeClient))("revoked")
    answers = [
        await harness.post(client_id=harness.id, client_secret="wrong"),
        await harness.post(client_id=str(uuid4()), client_secret=harness.secret),
        await harness.post(client_id="payments", client_secret=harness.secret),
        await harness.post(client_id=str(revoked.client.id), client_secret=revoked.secret),
        await harness.post(client_id=harness.id, client_secret=harness.secret + "\N{SNOWMAN}"),
        await harness.post(basic(harness.id, "wrong")),
        await harness.post(client_id=harness.id),
        await harness.post(),
    ]
    assert {problem(each) for each in answers} == {(401, "invalid-client", "invalid_client")}
    assert {each.headers["www-authenticate"] for each in answers} == {
        'Basic realm="clients", charset="UTF-8"'
    }
    assert len({each.content for each in answers}) == 1


async def test_a_token_has_the_requested_scope(harness: Harness) -> None:
    form = {"client_id": harness.id, "client_secret": harness.secret}
    answer = await harness.post(**form, scope="orders:read")
    assert answer.json()["scope"] == "orders:read"
    refused = await harness.post(**form, scope="orders:read orders:refund")
    assert problem(refused) == (422, "invalid-scope", "invalid_scope")


async def test_a_client_never_logs_in_as_an_account_or_the_reverse(harness: Harness) -> None:
    await harness.http.post("/register/", json=ACCOUNT)
    crossed = await harness.post(client_id=ACCOUNT["email"], client_secret=ACCOUNT["password"])
    assert problem(crossed) == (401, "invalid-client", "invalid_client")
    form = {"username": harness.id, "password": harness.secret}
    assert problem(await harness.http.post("/token/", data=form))[0] == 401


# --- Routes


async def placed(harness: Harness) -> dict[str, Any]:
    await harness.http.post("/register/", json=ACCOUNT)
    form = {"username": ACCOUNT["email"], "password": ACCOUNT["password"]}
    token = (await harness.http.post("/token/", data=form)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    order: dict[str, Any] = (
        await harness.http.post("/orders/", json=ORDER, headers=headers)
    ).json()
    return order


async def test_a_client_pays_an_order_and_is_in_its_history(harness: Harness) -> None:
    path = f"/orders/{(await placed(harness))['id']}/"
    headers = {"Authorization": f"Bearer {await harness.token()}"}
    changed = await harness.http.patch(path, json={"status": "PAID"}, headers=headers)
    assert changed.status_code == 200
    history = (await harness.http.get(f"{path}history/", headers=headers)).json()
    assert history[-1]["actor"] == {"kind": "service", "id": harness.id}
    assert len((await harness.http.get("/orders/", headers=headers)).json()) == 1


async def test_a_missing_scope_is_named(harness: Harness) -> None:
    path = f"/orders/{(await placed(harness))['id']}/"
    headers = {"Authorization": f"Bearer {await harness.token(scope='orders:read')}"}
    answer = await harness.http.patch(path, json={"status": "PAID"}, headers=headers)
    assert problem(answer) == (403, "insufficient-scope", None)
    assert 'scope="orders:status"' in answer.headers["www-authenticate"]


async def test_a_revoked_token_of_a_client_ends_alone(harness: Harness) -> None:
    revoked, other = await harness.token(), await harness.token()
    answer = await harness.http.post("/token/revoke/", data={"token": revoked})
    assert answer.status_code == 200
    statuses = [
        (
            await harness.http.get("/orders/", headers={"Authorization": f"Bearer {each}"})
        ).status_code
        for each in (revoked, other)
    ]
    assert statuses == [401, 200]


async def test_the_limit_of_a_client_is_its_own() -> None:
    async with running_app("", MemoryStorageProvider(), RATE_LIMIT_DEFAULT="2/day") as app:
        create = await app.container.get(CreateClient)
        for name in ("payments", "warehouse"):
            harness = Harness(app.client, app.container, await create(name, frozenset(Scope)))
            headers = {"Authorization": f"Bearer {await harness.token()}"}
            statuses = [
                (await app.client.get("/orders/", headers=headers)).status_code for _ in range(3)
            ]
            assert statuses == [200, 200, 429], name


async def test_failed_attempts_are_limited_before_the_secret_is_looked_at() -> None:
    async with running_app("", MemoryStorageProvider(), RATE_LIMIT_LOGIN="2/day") as app:
        create = await app.container.get(CreateClient)
        harness = Harness(app.client, app.container, await create("payments", frozenset(Scope)))
        for _ in range(2):
            answer = await harness.post(client_id=harness.id, client_secret="wrong")
            assert answer.status_code == 401
        limited = await harness.post(client_id=harness.id, client_secret=harness.secret)
        assert problem(limited)[:2] == (429, "rate-limited")


async def test_log_lines_have_the_client_and_no_secret(harness: Harness) -> None:
    with capture_logs() as lines:
        token = await harness.token()
        headers = {"Authorization": f"Bearer {token}"}
        path = f"/orders/{uuid4()}/"
        await harness.http.patch(path, json={"status": "PAID"}, headers=headers)
        await asyncio.sleep(0)  # requests are logged in the next iteration of the event loop
        await harness.post(client_id=harness.id, client_secret="not-the-secret")
    of_client = [line["event"] for line in lines if str(line.get("client")) == harness.id]
    assert of_client == ["login succeeded", "request", "login failed"]
    text = repr(lines)
    assert [each for each in (harness.secret, "not-the-secret", token) if each in text] == []
