"""Every route, asked once."""

from functools import partial
from typing import Any, Final

import httpx

from tests.e2e.answers import at_once
from tests.e2e.service import PASSWORD, TEA, User, an_email

_ID: Final = "0190a0c0-0000-7000-8000-000000000000"
#: What no server is needed for.
ALONE: Final = ("/health/", "/docs", "/openapi.json")


def asked(user: User, order_id: str) -> dict[str, httpx.Response]:
    """What each route answers that can do nothing without PostgreSQL."""
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
    asks = [partial(user.ask, how, path, **more) for how, path, more in requests]
    answers = at_once(asks)
    return {
        f"{how} {path}": answer for (how, path, _), answer in zip(requests, answers, strict=True)
    }


#: How each of them answers as long as PostgreSQL is there.
SERVED: Final = [201, 200, 200, 201, 200, 404, 200, 200, 200]


def all_served(user: User, order_id: str) -> bool:
    """Whether no route is refused for want of PostgreSQL; each answers as it should."""
    statuses = [answer.status_code for answer in asked(user, order_id).values()]
    expected = [(status, 503) for status in SERVED]
    assert all(each in both for each, both in zip(statuses, expected, strict=True)), statuses
    return statuses == SERVED


def serves(user: User, order_id: str) -> str:
    """See that every route answers as it should, the order being paid; the order that is new."""
    answers = asked(user, order_id)
    assert [answer.status_code for answer in answers.values()] == SERVED, answers
    for path in ALONE:
        assert user.get(path).status_code == 200
    assert user.get(f"/orders/{order_id}/").json()["status"] == "PAID"
    placed: str = answers["POST /orders/"].json()["id"]
    return placed


def refuses(user: User, order_id: str) -> bool:
    """Whether all that needs PostgreSQL is refused as promised; what needs none is answered."""
    answers = asked(user, order_id)
    for path in ALONE:
        assert user.service.http.get(path).status_code == 200
    cached = user.get(f"/orders/{order_id}/")
    assert cached.status_code == 503 or cached.headers["X-Cache"] == "HIT"
    for answer in answers.values():
        assert answer.status_code != 503 or answer.headers["Retry-After"].isdigit()
    return {answer.status_code for answer in answers.values()} == {503}
