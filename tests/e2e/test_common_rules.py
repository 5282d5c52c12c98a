"""Section 3 of the contract: rules that apply to every route."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.e2e.assertions import assert_problem
from tests.e2e.service import PASSWORD, TEA, Service, User, an_email

READ = ["/me", "/orders", "/orders/{id}", "/orders/{id}/history", "/orders/user/{user_id}"]
OPEN = ["/health", "/health/ready"]
UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def eve(service: Service) -> User:
    """A user with a single order that no longer changes."""
    return service.register()


@pytest.fixture(scope="module")
def order(eve: User) -> dict[str, Any]:
    return eve.processed_order()


@pytest.fixture
def path_for(order: dict[str, Any]) -> Callable[[str], str]:
    return lambda path: path.format(**order)


# --- paths and methods


@pytest.mark.parametrize("path", READ + OPEN)
def test_a_trailing_slash_changes_no_get_and_causes_no_redirect(
    eve: User, path_for: Callable[[str], str], path: str
) -> None:
    bare, slashed = eve.get(path_for(path)), eve.get(path_for(path) + "/")
    assert bare.status_code == slashed.status_code == 200
    assert bare.content == slashed.content


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_trailing_slash_changes_no_write(service: Service, ada: User, slash: str) -> None:
    email = an_email()
    registration = {"email": email, "password": PASSWORD}
    assert service.http.post(f"/register{slash}", json=registration).status_code == 201
    form = {"username": email, "password": PASSWORD}
    assert service.http.post(f"/token{slash}", data=form).status_code == 200
    answer = ada.request("POST", f"/orders{slash}", json=TEA)
    assert answer.status_code == 201
    path = f"/orders/{answer.json()['id']}{slash}"
    assert ada.request("PATCH", path, json={"status": "PAID"}).status_code == 200


@pytest.mark.parametrize("path", [*READ, *OPEN, "/orders/nonsense", "/nowhere", "/register"])
def test_head_equals_get_without_a_body(
    eve: User, path_for: Callable[[str], str], path: str
) -> None:
    got, headed = eve.get(path_for(path)), eve.request("HEAD", path_for(path))
    assert headed.status_code == got.status_code
    assert headed.content == b""
    changing = {"date", "x-request-id"}
    assert {(name, value) for name, value in headed.headers.items() if name not in changing} == {
        (name, value) for name, value in got.headers.items() if name not in changing
    }


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/register", "OPTIONS, POST"),
        ("HEAD", "/token/", "OPTIONS, POST"),
        ("POST", "/me/", "DELETE, GET, HEAD, OPTIONS"),
        ("PUT", "/orders/", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", f"/orders/{UNKNOWN_ID}/", "GET, HEAD, OPTIONS, PATCH"),
        ("POST", f"/orders/{UNKNOWN_ID}/history/", "GET, HEAD, OPTIONS"),
        ("POST", f"/orders/user/{UNKNOWN_ID}/", "GET, HEAD, OPTIONS"),
        ("POST", "/health/", "GET, HEAD, OPTIONS"),
        ("TRACE", "/health/ready/", "GET, HEAD, OPTIONS"),
    ],
)
def test_an_unsupported_method_is_405_with_allow(
    service: Service, method: str, path: str, allowed: str
) -> None:
    answer = service.http.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    if method != "HEAD":
        assert_problem(answer, 405, "method-not-allowed")


@pytest.mark.parametrize("path", ["/nowhere", "/orders/a/b/c", "/me/x", "/health/x", "/%00"])
def test_an_unknown_path_is_404(service: Service, path: str) -> None:
    assert_problem(service.http.get(path), 404, "not-found")


# --- values


def test_timestamps_are_rfc_3339_in_utc(eve: User, order: dict[str, Any]) -> None:
    step = eve.history(order)[0]
    account = eve.get("/me/").json()
    moments = [order[name] for name in ("created_at", "updated_at", "processed_at")]
    for moment in [*moments, step["at"], account["created_at"]]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", moment)


def test_ids_are_uuids_of_version_7(eve: User, order: dict[str, Any]) -> None:
    assert UUID(order["id"]).version == UUID(eve.id).version == 7


# --- the order of checks

BAD_TOKEN = {"Authorization": "Bearer nonsense"}
NO_JSON = {"Content-Type": "text/plain"}
HUGE = b" " * (256 * 1024 + 1)


@pytest.mark.parametrize(
    ("method", "path", "request_of", "status"),
    [
        ("GET", "/nowhere", {"headers": BAD_TOKEN}, 404),
        ("PUT", "/orders/", {"headers": BAD_TOKEN}, 405),
        ("POST", "/orders/", {"headers": BAD_TOKEN | NO_JSON, "content": HUGE}, 401),
        ("POST", "/orders/", {"headers": NO_JSON, "content": HUGE}, 415),
        ("POST", "/orders/", {"headers": JSON, "content": HUGE}, 413),
        ("POST", "/orders/", {"headers": JSON, "content": b'{"x": 1'}, 400),
        ("POST", "/orders/", {"json": {"x": 1}}, 422),
        ("PATCH", "/orders/nonsense/", {"headers": NO_JSON, "content": HUGE}, 415),
        ("PATCH", "/orders/nonsense/", {"headers": JSON, "content": HUGE}, 413),
        ("PATCH", "/orders/nonsense/", {"headers": JSON, "content": b"{"}, 400),
        ("PATCH", "/orders/nonsense/", {"json": {"status": "LOST"}}, 422),
        (
            "PATCH",
            "/orders/nonsense/",
            {"json": {"status": "PAID"}, "headers": {"If-Match": "nonsense"}},
            422,
        ),
        (
            "PATCH",
            "/orders/nonsense/",
            {"json": {"status": "PAID"}, "headers": {"If-Match": '"v7"'}},
            404,
        ),
        ("GET", f"/orders/user/{UNKNOWN_ID}/?limit=0", {}, 422),
        ("GET", "/orders/user/nonsense/?limit=0", {}, 422),
        ("POST", "/register/", {"headers": NO_JSON, "content": HUGE}, 415),
        ("POST", "/register/", {"headers": JSON, "content": HUGE}, 413),
        ("POST", "/token/", {"headers": JSON, "content": HUGE}, 415),
    ],
)
def test_the_first_failing_check_of_the_contracts_order_decides(
    ada: User, method: str, path: str, request_of: dict[str, Any], status: int
) -> None:
    answer = ada.request(method, path, **request_of)
    assert answer.status_code == status, answer.text


def test_a_stale_if_match_is_checked_before_the_transition(ada: User) -> None:
    order = ada.order()
    ada.patch(order, "PAID")
    assert_problem(ada.patch(order, "PENDING", if_match='"v1"'), 412, "version-conflict")
    assert_problem(ada.patch(order, "PENDING", if_match='"v2"'), 409, "illegal-transition")


# --- problems


def test_the_instance_of_a_problem_is_the_request_path(ada: User) -> None:
    assert_problem(ada.get("/orders/nonsense"), 404, "order-not-found")
    assert_problem(ada.get("/nowhere/?x=1"), 404, "not-found")
    assert_problem(ada.get("/orders/%C3%A9/"), 404, "order-not-found")


# --- headers of every response


def every_kind_of_response(ada: User) -> list[httpx.Response]:
    http = ada.service.http
    order = ada.order()
    path = f"/orders/{order['id']}/"
    return [
        http.get("/health/"),
        http.get("/nowhere"),
        http.put("/orders/"),
        http.get("/orders/"),
        http.options("/orders/"),
        http.head("/health/"),
        http.post("/token/", data={}),
        ada.get(path),
        ada.get(path, headers={"If-None-Match": "*"}),
        ada.post_text("{"),
        ada.post_order(total_price=-1),
        ada.patch(order, "SHIPPED"),
    ]


def test_every_response_has_a_request_id_and_nosniff(ada: User) -> None:
    for answer in every_kind_of_response(ada):
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", answer.headers["x-request-id"])
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_response_has_one_content_security_policy(ada: User) -> None:
    for answer in every_kind_of_response(ada):
        [policy] = answer.headers.get_list("content-security-policy")
        assert policy == "default-src 'none'; frame-ancestors 'none'"


def test_two_responses_have_different_request_ids(service: Service) -> None:
    first, second = service.http.get("/health/"), service.http.get("/health/")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize("mine", ["a", "A-Z_a.z-09", "x" * 128])
def test_a_well_formed_request_id_is_kept(service: Service, mine: str) -> None:
    answer = service.http.get("/nowhere", headers={"X-Request-Id": mine})
    assert answer.headers.get_list("x-request-id") == [mine]


@pytest.mark.parametrize("mine", ["", "x" * 129, "a b", "a\tb", 'a"b', "a,b", "é", "a/b"])
def test_an_ill_formed_request_id_is_replaced(service: Service, mine: str) -> None:
    answer = service.http.get("/health/", headers={b"X-Request-Id": mine.encode()})
    assert answer.headers["x-request-id"] not in {mine, ""}


def test_responses_about_accounts_and_tokens_are_not_stored(service: Service, ada: User) -> None:
    registration = {"email": an_email(), "password": PASSWORD}
    form = {"username": ada.email, "password": PASSWORD}
    for answer in [
        service.http.post("/register/", json=registration),
        service.http.post("/register/", json=registration),
        service.http.post("/register/", json={}),
        service.http.post("/token/", data=form),
        service.http.post("/token/", data=form | {"password": "wrong"}),
        service.http.post("/token/", data={}),
        service.http.get("/me/"),
        ada.get("/me/"),
    ]:
        assert answer.headers["cache-control"] == "no-store"


def test_orders_are_private_and_revalidated(ada: User) -> None:
    created = ada.post_order()
    order = created.json()
    path = f"/orders/{order['id']}/"
    for answer in [
        created,
        ada.get(path),
        ada.get(path, headers={"If-None-Match": "*"}),
        ada.get("/orders/"),
        ada.get(f"/orders/user/{ada.id}/"),
        ada.get(f"{path}history/"),
        ada.patch(order, "PAID"),
    ]:
        assert answer.headers["cache-control"] == "private, no-cache"


def test_cors_is_disabled_by_default(service: Service) -> None:
    origin = {"Origin": "https://shop.example.com", "Access-Control-Request-Method": "GET"}
    for answer in [
        service.http.get("/health/", headers=origin),
        service.http.options("/health/", headers=origin),
    ]:
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_options_names_every_method_of_its_path(service: Service) -> None:
    assert service.http.options("/health/").headers["allow"] == "GET, HEAD, OPTIONS"
    assert service.http.options("/orders/").headers["allow"] == "GET, HEAD, OPTIONS, POST"
