"""Checks before a route, in this order: the address's limit, the token, the user's limit."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from dishka import Provider, Scope, decorate

from application.documents import OrderDocument
from application.ports.orders import OrderReader
from domain.ids import OrderId
from entrypoints.composition.providers.memory import MemoryStorageProvider
from tests.support.app import running_app

TEA = {"items": [{"name": "tea"}], "total_price": 1}
ACCOUNT = {"email": "ada@example.com", "password": "correct horse battery"}
#: The default rate limit, applied separately to each address and to each user.
LIMIT = 2


class CountingReaderProvider(Provider):
    """Counts the queries for single orders."""

    scope = Scope.APP
    queries = 0

    @decorate
    def reader(self, reader: OrderReader) -> OrderReader:
        find, revision = reader.find, reader.revision

        async def counted_find(order_id: OrderId) -> OrderDocument | None:
            self.queries += 1
            return await find(order_id)

        async def counted_revision(order_id: OrderId) -> int | None:
            self.queries += 1
            return await revision(order_id)

        reader.find, reader.revision = counted_find, counted_revision  # type: ignore[method-assign]
        return reader


@pytest.fixture
def reader() -> CountingReaderProvider:
    return CountingReaderProvider()


@pytest.fixture
async def client(reader: CountingReaderProvider) -> AsyncIterator[httpx.AsyncClient]:
    settings = {"RATE_LIMIT_DEFAULT": f"{LIMIT}/day"}
    async with running_app("", MemoryStorageProvider(), reader, **settings) as app:
        yield app.client


async def log_in(client: httpx.AsyncClient) -> None:
    await client.post("/register/", json=ACCOUNT)
    form = {"username": ACCOUNT["email"], "password": ACCOUNT["password"]}
    token = (await client.post("/token/", data=form)).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"


async def test_a_limited_read_is_429_for_every_order_and_costs_no_query(
    client: httpx.AsyncClient, reader: CountingReaderProvider
) -> None:
    await log_in(client)
    path = f"/orders/{(await client.post('/orders/', json=TEA)).json()['id']}/"
    for _ in range(LIMIT):
        assert (await client.get(path)).status_code == 200
    assert reader.queries > 0
    reader.queries = 0
    for limited in (path, f"/orders/{uuid4()}/", "/orders/no-uuid/", f"{path}?unknown=1"):
        answer = await client.get(limited)
        assert (answer.status_code, answer.headers["ratelimit-remaining"]) == (429, "0")
    assert reader.queries == 0


async def test_the_limit_of_the_address_refuses_before_the_token_does(
    client: httpx.AsyncClient,
) -> None:
    statuses = [(await client.get(f"/orders/{uuid4()}/")).status_code for _ in range(LIMIT + 1)]
    assert statuses == [401] * LIMIT + [429]


async def test_the_limit_of_the_user_does_not_count_against_the_address(
    client: httpx.AsyncClient,
) -> None:
    await log_in(client)
    for status in [404] * LIMIT + [429]:
        assert (await client.get(f"/orders/{uuid4()}/")).status_code == status
    assert (await client.get("/")).status_code == 200
