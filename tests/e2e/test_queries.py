"""Section 3 of the contract: API routes reject unknown query parameters."""

from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.assertions import assert_problem, field_errors
from tests.e2e.service import PASSWORD, Service, User, an_email

UNKNOWN = {("x", "unknown-parameter")}


@pytest.mark.parametrize("path", ["/me/", "/orders/{}/", "/orders/{}/history/"])
def test_a_route_without_parameters_rejects_all_parameters(ada: User, path: str) -> None:
    full = path.format(ada.order()["id"])
    for method in ("GET", "HEAD"):
        answer = ada.request(method, f"{full}?x=1")
        assert answer.status_code == 422
    answer = ada.get(f"{full}?x=1")
    problem = assert_problem(answer, 422, "invalid-request")
    assert problem["detail"] == "`x`: there is no such parameter; none are supported here."
    assert field_errors(answer) == UNKNOWN
    assert ada.get(f"{full}?").status_code == 200


def test_a_write_with_a_parameter_is_rejected_and_changes_nothing(ada: User) -> None:
    order = ada.order()
    answer = ada.request("PATCH", f"/orders/{order['id']}/?x=1", json={"status": "PAID"})
    assert field_errors(answer) == UNKNOWN
    assert ada.get(f"/orders/{order['id']}/").json()["status"] == "PENDING"
    reference = str(uuid4())
    body = {"items": [{"name": "tea"}], "total_price": 1, "reference": reference}
    assert field_errors(ada.request("POST", "/orders/?x=1", json=body)) == UNKNOWN
    assert ada.get(f"/orders/?reference={reference}").json() == []


def test_errors_of_query_and_body_are_named_together(ada: User) -> None:
    path = f"/orders/{ada.order()['id']}/?status=PAID"
    answer = ada.request("PATCH", path, json={"status": "PADI", "x": 1})
    assert field_errors(answer) == {
        ("status", "unknown-parameter"),
        ("/status", "unknown-status"),
        ("/x", "unknown-field"),
    }


@pytest.mark.parametrize(
    ("path", "request_body"),
    [
        ("/register/", {"json": {"email": "{}", "password": PASSWORD}}),
        ("/token/", {"data": {"username": "{}", "password": PASSWORD}}),
    ],
)
def test_routes_with_credentials_reject_parameters(
    service: Service, path: str, request_body: dict[str, Any]
) -> None:
    body: dict[str, Any] = {
        kind: {name: text.format(an_email()) for name, text in fields.items()}
        for kind, fields in request_body.items()
    }
    answer = service.http.post(f"{path}?x=1", **body)
    assert_problem(answer, 422, "invalid-request")
    assert field_errors(answer) == UNKNOWN


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nowhere?x=1", None, 404),
        ("DELETE", "/orders/?x=1", None, 405),
        ("GET", "/orders/nonsense/?x=1", None, 422),
        ("GET", "/orders/user/nonsense/?x=1", None, 422),
        ("POST", "/orders/?x=1", b"{", 400),
        ("POST", "/orders/?x=1", b"x" * (256 * 1024 + 1), 413),
    ],
)
def test_unknown_parameters_are_checked_in_the_contracts_order(
    ada: User, method: str, path: str, body: bytes | None, status: int
) -> None:
    headers = {"Content-Type": "application/json"} if body else {}
    assert ada.request(method, path, content=body, headers=headers).status_code == status


def test_a_missing_token_is_reported_before_parameters(service: Service) -> None:
    assert_problem(service.http.get("/me/?x=1"), 401, "token-missing")


@pytest.mark.parametrize(
    "path",
    ["/health/", "/health/ready/", "/metrics", "/docs", "/openapi.json", "/problems/not-found"],
)
def test_probes_and_pages_ignore_parameters(service: Service, path: str) -> None:
    assert service.http.get(f"{path}?_=1764189600").status_code == 200
