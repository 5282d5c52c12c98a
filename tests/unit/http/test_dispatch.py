"""Handlers that are called without Litestar respond just as if Litestar had called them."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast

import httpx
import pytest
from dishka import AsyncContainer, Provider, Scope, provide

from application.orders.list_orders import ListOrders
from entrypoints.composition.providers.memory import MemoryStorageProvider
from entrypoints.http.app import routing
from entrypoints.http.dispatch import Dispatch, endpoint_of
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.middleware import RequestMiddleware
from entrypoints.http.responses.raw_response import RawResponse
from entrypoints.http.routes import orders
from tests.support.app import calling_app, running_app

ACCOUNT = {"email": "ada@example.com", "password": "correct horse battery"}
TEA = {"items": [{"name": "tea", "price": "1.00"}], "total_price": 1}
ORDER = "/orders/0197a7b0-0000-7000-8000-000000000000"
#: Requests, as a method, a path and other arguments.
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/nowhere/", {}),
    ("GET", f"{ORDER}/nowhere/", {}),
    ("DELETE", "/orders/", {}),
    ("BREW", "/orders/", {}),
    ("OPTIONS", "/orders/", {}),
    ("GET", "/", {}),
    ("GET", "/health/", {}),
    ("GET", "/orders/", {"headers": {"Host": "two words"}}),
    ("GET", "/orders/", {"headers": {"Host": "caf\u00e9.example".encode()}}),
    ("GET", "/orders/", {"headers": {"Host": "[::1]:8000"}}),
    ("GET", "/orders/", {"headers": {"Host": "a_b.example"}}),
    ("GET", "/orders/", {"headers": {"Authorization": "Bearer forged"}}),
    ("GET", "/orders/", {}),  # its use case is broken
    ("GET", ORDER, {}),
    ("GET", f"/{ORDER}//", {}),
    ("HEAD", ORDER, {}),
    ("GET", "/orders/not-an-id/", {}),
    ("GET", "/orders/not%2Fan%2Fid/", {}),
    ("GET", f"{ORDER}/?unknown=1", {}),
    ("GET", f"{ORDER}/history/", {}),
    ("PATCH", ORDER, {"json": {"status": "PAID"}}),
    ("POST", "/orders/", {"json": TEA | {"total_price": 2}}),
    ("POST", "/orders/", {"content": b"{", "headers": {"Content-Type": "application/json"}}),
    ("POST", "/orders/", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}),
    ("POST", "/orders", {"json": TEA}),
]


async def fail(*_: object) -> object:
    raise ZeroDivisionError


class BrokenListProvider(Provider):
    """Provides a use case with a bug."""

    @provide(scope=Scope.APP)
    def list_orders(self) -> ListOrders:
        return cast(ListOrders, fail)


@dataclass
class Clients:
    """The same service with and without direct calls."""

    direct: httpx.AsyncClient
    litestar: httpx.AsyncClient


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    async with running_app("", MemoryStorageProvider(), BrokenListProvider()) as app:
        await app.client.post("/register/", json=ACCOUNT)
        form = {"username": ACCOUNT["email"], "password": ACCOUNT["password"]}
        token = (await app.client.post("/token/", data=form)).json()["access_token"]
        plain = RequestMiddleware(routing(nullcontext(app.container)))
        async with calling_app(plain) as litestar:
            for client in (app.client, litestar):
                client.headers["Authorization"] = f"Bearer {token}"
            yield Clients(app.client, litestar)


@pytest.mark.parametrize(("method", "path", "arguments"), REQUESTS)
async def test_the_response_is_the_same_as_litestars(
    clients: Clients, method: str, path: str, arguments: dict[str, Any]
) -> None:
    direct = await clients.direct.request(method, path, **arguments)
    litestar = await clients.litestar.request(method, path, **arguments)
    assert direct.status_code == litestar.status_code
    ignored = {"x-request-id", "location"}
    assert [each for each in direct.headers.raw if each[0].decode() not in ignored] == [
        each for each in litestar.headers.raw if each[0].decode() not in ignored
    ]
    if direct.status_code == 201:
        assert direct.json().keys() == litestar.json().keys()
    else:
        assert direct.content == litestar.content


def test_every_order_route_is_called_directly() -> None:
    app = routing(nullcontext(cast(AsyncContainer, None)))
    direct = {endpoint.handler for endpoint in app.state.endpoints.values()}
    assert direct >= {handler.fn for handler in orders.ROUTES.handlers}


async def test_a_response_that_has_begun_is_not_answered_again() -> None:
    sent: list[str] = []

    async def broken(message: Any) -> None:
        sent.append(message["type"])
        raise ConnectionError

    async def handler(request: ApiRequest) -> RawResponse:
        return RawResponse(request.scope["path"].encode())

    endpoint = endpoint_of(handler, None, {"request": ApiRequest, "return": RawResponse}, {})
    app = routing(nullcontext(cast(AsyncContainer, None)))
    home = next(
        key for key, each in app.state.endpoints.items() if each.handler.__name__ == "read_index"
    )
    scope: Any = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with pytest.raises(ConnectionError):
        await Dispatch(app, {home: cast(Any, endpoint)})(scope, cast(Any, None), broken)
    assert sent == ["http.response.start"]


@pytest.mark.parametrize(
    "hints",
    [
        {"return": RawResponse},
        {"request": ApiRequest, "return": bytes},
        {"request": ApiRequest, "limit": int, "return": RawResponse},
    ],
    ids=["no request", "other response", "parsed parameter"],
)
def test_a_handler_that_needs_litestar_has_no_endpoint(hints: dict[str, Any]) -> None:
    assert endpoint_of(fail, None, hints, {}) is None


def test_litestars_attributes_of_a_request_are_filled_when_they_are_read() -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    scope = {"type": "http", "method": "GET", "headers": headers, "query_string": b"a=1"}
    request = ApiRequest(scope)
    assert request.content_type == ("text/plain", {"charset": "utf-8"})
    assert request.query_params.dict() == {"a": ["1"]}
    with pytest.raises(AttributeError, match="no_such"):
        _ = request.no_such
