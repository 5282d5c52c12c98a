"""Input that is meant to be expensive costs about as much as harmless input of the same size."""

import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from time import thread_time
from typing import Any

import pytest

from domain.validation import MAX_ERRORS
from entrypoints.composition.providers.memory import MemoryStorageProvider
from entrypoints.http.messages.body import MAX_BODY_BYTES
from tests.support.app import running_app
from tests.support.hostile_input import (
    BODIES,
    FORMS,
    HARMLESS_FORM,
    HARMLESS_ORDER,
    HARMLESS_QUERY,
    HARMLESS_TAG,
    HEAD,
    QUERIES,
    TAGS,
    an_order,
)

ACCOUNT = {"email": "ada@example.com", "password": "correct horse battery"}
#: How many times as much CPU time as harmless input of the same size may be needed. Quadratic
#: algorithms need a thousand times as much.
MAX_RATIO = 150
#: How much longer than the request a response may be, in bytes for each error.
ERROR_BYTES = 150
JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"


@dataclass
class Response:
    """A response, and the CPU time that it took, in seconds."""

    seconds: float
    status: int = 0
    body: bytearray = field(default_factory=bytearray)


Call = Callable[..., Any]


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with running_app("", MemoryStorageProvider()) as app:
        await app.client.post("/register/", json=ACCOUNT)
        form = {"username": ACCOUNT["email"], "password": ACCOUNT["password"]}
        token = (await app.client.post("/token/", data=form)).json()["access_token"]
        asgi: Any = app.client._transport
        bearer = (b"authorization", f"Bearer {token}".encode())

        async def send(
            method: str,
            path: str,
            body: bytes = b"",
            *headers: tuple[bytes, bytes],
            query: bytes = b"",
        ) -> Response:
            scope = {
                "type": "http",
                "asgi": {"version": "3.0"},
                "http_version": "1.1",
                "method": method,
                "scheme": "http",
                "root_path": "",
                "path": path,
                "raw_path": path.encode(),
                "query_string": query,
                "headers": [bearer, *headers],
                "client": ("192.0.2.1", 1),
                "server": ("a", 80),
            }
            response = Response(0.0)

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": body, "more_body": False}

            async def record(message: dict[str, Any]) -> None:
                response.status = message.get("status", response.status)
                response.body += message.get("body", b"")

            started = thread_time()
            await asgi.app(scope, receive, record)
            response.seconds = thread_time() - started
            return response

        yield send


def cheapest(responses: list[Response]) -> float:
    return min(response.seconds for response in responses)


async def assert_cheap(hostile: Call, harmless: Call) -> Response:
    """Assert that the hostile call costs about as much as the harmless one. Return its response."""
    pairs = [(await hostile(), await harmless()) for _ in range(3)]
    ratio = cheapest([pair[0] for pair in pairs]) / cheapest([pair[1] for pair in pairs])
    assert ratio < MAX_RATIO
    response: Response = pairs[0][0]
    return response


@pytest.mark.parametrize("name", BODIES)
async def test_a_hostile_body_is_refused_as_cheaply_as_a_harmless_one(
    call: Call, name: str
) -> None:
    text, status = BODIES[name]
    body = text.encode()
    assert len(body) <= MAX_BODY_BYTES
    response = await assert_cheap(
        lambda: call("POST", "/orders/", body, (b"content-type", JSON)),
        lambda: call("POST", "/orders/", HARMLESS_ORDER.encode(), (b"content-type", JSON)),
    )
    assert response.status == status
    assert len(response.body) < len(body) + MAX_ERRORS * ERROR_BYTES


@pytest.mark.parametrize("name", FORMS)
async def test_a_hostile_form_is_refused_as_cheaply_as_a_harmless_one(
    call: Call, name: str
) -> None:
    form, status = FORMS[name]
    response = await assert_cheap(
        lambda: call("POST", "/token/", form.encode(), (b"content-type", FORM)),
        lambda: call("POST", "/token/", HARMLESS_FORM.encode(), (b"content-type", FORM)),
    )
    assert response.status == status


@pytest.mark.parametrize("name", QUERIES)
async def test_a_hostile_query_is_refused_as_cheaply_as_a_harmless_one(
    call: Call, name: str
) -> None:
    response = await assert_cheap(
        lambda: call("GET", "/orders/", query=QUERIES[name].encode()),
        lambda: call("GET", "/orders/", query=HARMLESS_QUERY.encode()),
    )
    assert response.status == 422
    assert len(response.body) < HEAD + MAX_ERRORS * ERROR_BYTES


@pytest.mark.parametrize("name", TAGS)
@pytest.mark.parametrize(("method", "header"), [("GET", b"if-none-match"), ("PATCH", b"if-match")])
async def test_a_hostile_list_of_tags_costs_as_much_as_a_single_tag(
    call: Call, name: str, method: str, header: bytes
) -> None:
    created = await call("POST", "/orders/", an_order().encode(), (b"content-type", JSON))
    path = f"/orders/{json.loads(created.body)['id']}/"
    body = b'{"status":"PAID"}' if method == "PATCH" else b""

    async def send(tags: str) -> Response:
        headers = ((b"content-type", JSON), (header, tags.encode()))
        response: Response = await call(method, path, body, *headers)
        return response

    response = await assert_cheap(lambda: send(TAGS[name]), lambda: send(HARMLESS_TAG))
    assert response.status in ({200} if method == "GET" else {412, 422})


@pytest.mark.parametrize(
    "header",
    [
        *(b"accept", b"accept-encoding", b"range", b"cookie", b"traceparent", b"x-request-id"),
        *(b"x-forwarded-for", b"forwarded", b"content-type", b"authorization", b"if-none-match"),
    ],
)
async def test_a_long_header_costs_as_much_as_another_long_header(
    call: Call, header: bytes
) -> None:
    for unit in (b",", b";", b"=", b'"', b"0-1,", b"a/b;q=0.1,", b"for=a;", b"\\"):
        value = unit * (HEAD // len(unit))
        await assert_cheap(
            lambda value=value: call("GET", "/me/", b"", (header, value)),
            lambda: call("GET", "/me/", b"", (b"x-other", b"x" * HEAD)),
        )


async def test_many_headers_cost_as_much_as_one_long_header(call: Call) -> None:
    many = [(b"x-%d" % number, b"1") for number in range(6_000)]
    same = [(b"x-request-id", b"1")] * 3_000
    for headers in (many, same):
        await assert_cheap(
            lambda headers=headers: call("GET", "/me/", b"", *headers),
            lambda: call("GET", "/me/", b"", (b"x-other", b"x" * HEAD)),
        )


def test_keys_that_collide_cannot_be_computed() -> None:
    assert sys.flags.hash_randomization
    assert sys.hash_info.algorithm.startswith("siphash")
