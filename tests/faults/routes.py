"""Send one request to every route."""

from functools import partial
from typing import Any, Final

import httpx

from tests.e2e.assertions import concurrently
from tests.e2e.service import PASSWORD, TEA, User, an_email

_ID: Final = "0190a0c0-0000-7000-8000-000000000000"
#: Routes that don't need a server.
WITHOUT_SERVERS: Final = ("/health/", "/docs", "/openapi.json")


def request_every_route(user: User, order_id: str) -> dict[str, httpx.Response]:
    """Return the response from each route that needs PostgreSQL."""
    account = {"email": an_email(), "password": PASSWORD}
    order = f"/orders/{order_id}/"
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/register/", {"json": account}),
        ("POST", "/token/", {"data": {"username": user.email, "password": PASSWORD}}),
        ("GET", "/me/", {}),
        ("POST", "/orders/", {"json": TEA}),
        ("PATCH", order, {"json": {"status": "PAID"}}),
        ("GET", f"/orders/{_ID}/", {}),
        ("GET", f"{order}history/", {}),
        ("GET", "/orders/", {}),
        ("GET", f"/orders/user/{user.id}/", {}),
    ]
    calls = [partial(user.request, method, path, **more) for method, path, more in requests]
    answers = concurrently(calls)
    return {
        f"{method} {path}": answer
        for (method, path, _), answer in zip(requests, answers, strict=True)
    }


#: Expected status codes while PostgreSQL is available.
SERVED: Final = [201, 200, 200, 201, 200, 404, 200, 200, 200]


def all_served(user: User, order_id: str) -> bool:
    """Return False if any route returns 503. Assert that every other status is as expected."""
    statuses = [answer.status_code for answer in request_every_route(user, order_id).values()]
    expected = [(status, 503) for status in SERVED]
    assert all(each in both for each, both in zip(statuses, expected, strict=True)), statuses
    return statuses == SERVED


def assert_all_served(user: User, order_id: str) -> str:
    """Assert that every route returns the expected status and that the order is paid. Return the
    new order's id.
    """
    answers = request_every_route(user, order_id)
    assert [answer.status_code for answer in answers.values()] == SERVED, answers
    for path in WITHOUT_SERVERS:
        assert user.get(path).status_code == 200
    assert user.get(f"/orders/{order_id}/").json()["status"] == "PAID"
    placed: str = answers["POST /orders/"].json()["id"]
    return placed


def is_refused(user: User, order_id: str) -> bool:
    """Return whether every route that needs PostgreSQL returns 503. Assert that all others work."""
    answers = request_every_route(user, order_id)
    for path in WITHOUT_SERVERS:
        assert user.service.http.get(path).status_code == 200
    cached = user.get(f"/orders/{order_id}/")
    assert cached.status_code == 503 or cached.headers["X-Cache"] == "HIT"
    for answer in answers.values():
        assert answer.status_code != 503 or answer.headers["Retry-After"].isdigit()
    return {answer.status_code for answer in answers.values()} == {503}
