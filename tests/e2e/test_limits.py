"""Rate limits, trusted proxies and CORS."""

from itertools import count
from typing import Any

import httpx
import pytest

from tests.e2e.assertions import assert_problem
from tests.e2e.conftest import ALLOWED_ORIGIN
from tests.e2e.service import PASSWORD, TEA, Service, User, an_email

_numbers = count(1)
ALLOWED = {"origin": ALLOWED_ORIGIN}


@pytest.fixture
def from_new_address() -> dict[str, str]:
    """Return the header for a client address that hasn't been used yet."""
    return {"X-Forwarded-For": an_address()}


def an_address() -> str:
    number = next(_numbers)
    return f"203.0.{number // 250}.{number % 250 + 1}"


def log_in(service: Service, email: str, password: str, **headers: str) -> httpx.Response:
    return service.http.post(
        "/token/", data={"username": email, "password": password}, headers=headers
    )


def assert_limited(answer: httpx.Response) -> None:
    assert_problem(answer, 429, "rate-limited")
    assert int(answer.headers["retry-after"]) > 0


@pytest.fixture
def user(limited_service: Service, from_new_address: dict[str, str]) -> User:
    """A user who hasn't used up any limits."""
    return limited_service.register(**from_new_address)


# --- RATE_LIMIT_ORDERS


def test_a_user_over_the_order_limit_is_429(user: User) -> None:
    left = []
    for _ in range(3):
        answer = user.post_order()
        assert answer.status_code == 201
        assert answer.headers["ratelimit-limit"] == "3"
        assert int(answer.headers["ratelimit-reset"]) > 0
        left.append(int(answer.headers["ratelimit-remaining"]))
    assert left == [2, 1, 0]
    refused = user.post_order()
    assert_limited(refused)
    assert refused.headers["ratelimit-remaining"] == "0"
    assert user.get("/orders/").status_code == 200


def test_each_user_has_their_own_limit(limited_service: Service, user: User) -> None:
    for _ in range(4):
        user.post_order()
    other = limited_service.register(**{"X-Forwarded-For": an_address()})
    assert other.post_order().status_code == 201


def test_the_order_limit_is_checked_before_the_body(user: User) -> None:
    for _ in range(3):
        user.post_order()
    assert_limited(user.request("POST", "/orders/", content=b"{"))


def test_a_rejected_order_counts_against_the_limit(user: User) -> None:
    for _ in range(3):
        assert user.post_order(total_price=-1).status_code == 422
    assert_limited(user.post_order())


# --- RATE_LIMIT_REGISTER


def test_registrations_are_limited_by_address(
    limited_service: Service, from_new_address: dict[str, str]
) -> None:
    def register() -> httpx.Response:
        registration = {"email": an_email(), "password": PASSWORD}
        return limited_service.http.post("/register/", json=registration, headers=from_new_address)

    answers = [register() for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0"]
    assert_limited(register())


# --- RATE_LIMIT_LOGIN


def test_a_limited_login_is_rejected_with_the_right_password(
    limited_service: Service, user: User, from_new_address: dict[str, str]
) -> None:
    for _ in range(2):
        assert log_in(limited_service, user.email, "wrong", **from_new_address).status_code == 401
    assert_limited(log_in(limited_service, user.email, PASSWORD, **from_new_address))
    assert_limited(log_in(limited_service, user.email.upper(), PASSWORD, **from_new_address))
    assert user.get("/me/").status_code == 200


def test_a_successful_login_is_not_counted(
    limited_service: Service, user: User, from_new_address: dict[str, str]
) -> None:
    for _ in range(5):
        assert log_in(limited_service, user.email, PASSWORD, **from_new_address).status_code == 200
    assert log_in(limited_service, user.email, "wrong", **from_new_address).status_code == 401
    assert log_in(limited_service, user.email, PASSWORD, **from_new_address).status_code == 200


def test_the_login_limit_is_per_address(
    limited_service: Service, user: User, from_new_address: dict[str, str]
) -> None:
    for _ in range(3):
        log_in(limited_service, user.email, "wrong", **from_new_address)
    other = {"X-Forwarded-For": an_address()}
    assert log_in(limited_service, user.email, PASSWORD, **other).status_code == 200


def test_failed_logins_of_an_account_are_limited_over_all_addresses(
    limited_service: Service, user: User
) -> None:
    for _ in range(10):
        address = {"X-Forwarded-For": an_address()}
        for _ in range(2):
            assert log_in(limited_service, user.email, "wrong", **address).status_code == 401
    address = {"X-Forwarded-For": an_address()}
    assert_limited(log_in(limited_service, user.email, PASSWORD, **address))


def test_failed_logins_of_an_address_are_limited_over_all_accounts(
    limited_service: Service, user: User, from_new_address: dict[str, str]
) -> None:
    for _ in range(20):
        assert log_in(limited_service, an_email(), "wrong", **from_new_address).status_code == 401
    assert_limited(log_in(limited_service, user.email, PASSWORD, **from_new_address))


def test_a_login_returns_the_limit_with_the_least_remaining(
    limited_service: Service, user: User, from_new_address: dict[str, str]
) -> None:
    left = [
        log_in(limited_service, user.email, "wrong", **from_new_address).headers[
            "ratelimit-remaining"
        ]
        for _ in range(3)
    ]
    assert left == ["1", "0", "0"]


# --- RATE_LIMIT_DEFAULT


def test_other_requests_are_limited_by_user(user: User) -> None:
    first = user.get("/orders/")
    assert first.headers["ratelimit-limit"] == "40"
    left = int(first.headers["ratelimit-remaining"])
    for number in range(left):
        assert user.get("/orders/").headers["ratelimit-remaining"] == str(left - 1 - number)
    for refused in (user.get("/me/"), user.request("PATCH", "/orders/x/"), user.get("/orders/x/")):
        assert_limited(refused)
    assert user.post_order().status_code == 201
    assert user.get("/health/").status_code == 200


def test_requests_without_a_token_are_limited_by_address(
    limited_service: Service, from_new_address: dict[str, str]
) -> None:
    http = limited_service.http
    for _ in range(40):
        assert http.get("/orders/", headers=from_new_address).status_code == 401
    for path in ("/orders/", "/me/", "/orders/x/"):
        assert_limited(http.get(path, headers=from_new_address))
    assert_limited(http.post("/orders/", json=TEA, headers=from_new_address))
    assert_limited(http.post("/token/", content=b"", headers=from_new_address))
    assert http.get("/nowhere", headers=from_new_address).status_code == 404
    assert http.put("/orders/", headers=from_new_address).status_code == 405
    assert http.get("/me/", headers={"X-Forwarded-For": an_address()}).status_code == 401


def test_a_valid_token_is_not_limited_by_address(
    limited_service: Service, user: User, from_new_address: dict[str, str]
) -> None:
    for _ in range(41):
        limited_service.http.get("/me/", headers=from_new_address)
    assert user.get("/me/", headers=from_new_address).status_code == 200


@pytest.mark.parametrize("path", ["/health/", "/metrics"])
def test_operational_routes_are_not_limited(
    limited_service: Service, from_new_address: dict[str, str], path: str
) -> None:
    for _ in range(45):
        answer = limited_service.http.get(path, headers=from_new_address)
        assert answer.status_code == 200
        assert "ratelimit-limit" not in answer.headers


def test_disabled_limits_send_no_headers(ada: User) -> None:
    for answer in (ada.post_order(), ada.get("/orders/"), ada.service.http.get("/me/")):
        assert not [name for name in answer.headers if name.startswith("ratelimit-")]


# --- TRUSTED_PROXIES


def a_wrong_login(service: Service, email: str, forwarded_for: str) -> int:
    headers = {"X-Forwarded-For": forwarded_for}
    return log_in(service, email, "wrong", **headers).status_code


def test_x_forwarded_for_is_ignored_by_default(staffed_service: Service) -> None:
    email = an_email()
    statuses = [a_wrong_login(staffed_service, email, an_address()) for _ in range(3)]
    assert statuses == [401, 401, 429]


def test_addresses_before_the_proxys_own_entry_are_ignored(
    limited_service: Service,
) -> None:
    email, client = an_email(), an_address()
    statuses = [
        a_wrong_login(limited_service, email, f"{an_address()}, {client}") for _ in range(3)
    ]
    assert statuses == [401, 401, 429]


def test_the_client_is_the_last_untrusted_address_of_the_chain(
    limited_service: Service,
) -> None:
    email, client = an_email(), an_address()
    chains = [client, f"{client}, 198.51.100.7", f"{an_address()},{client},198.51.100.9,127.0.0.1"]
    statuses = [a_wrong_login(limited_service, email, chain) for chain in chains]
    assert statuses == [401, 401, 429]


@pytest.mark.parametrize("garbage", ["nonsense", ",", "127.0.0.1:80", "é", "x" * 4000, "::ffff:x"])
def test_an_invalid_x_forwarded_for_is_ignored(limited_service: Service, garbage: str) -> None:
    headers = {b"X-Forwarded-For": garbage.encode()}
    assert limited_service.http.get("/health/", headers=headers).status_code == 200
    assert limited_service.http.get("/orders/", headers=headers).status_code in {401, 429}


# --- CORS_ORIGINS

EXPOSED = {
    "etag",
    "idempotent-replayed",
    "location",
    "link",
    "x-request-id",
    "x-cache",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
}


def test_an_allowed_origin_can_read_responses_and_headers(user: User) -> None:
    answer = user.get("/orders/", headers=ALLOWED)
    assert answer.headers["access-control-allow-origin"] == ALLOWED_ORIGIN
    assert "Origin" in answer.headers["vary"]
    exposed = answer.headers["access-control-expose-headers"].lower().replace(" ", "")
    assert set(exposed.split(",")) >= EXPOSED


@pytest.mark.parametrize("path", ["/nowhere", "/me/", "/orders/", "/token/"])
def test_an_allowed_origin_can_read_problems(
    limited_service: Service, from_new_address: dict[str, str], path: str
) -> None:
    answer = limited_service.http.get(path, headers=ALLOWED | from_new_address)
    assert answer.status_code >= 400
    assert answer.headers["access-control-allow-origin"] == ALLOWED_ORIGIN


def preflight(service: Service, origin: str, method: str, headers: str) -> httpx.Response:
    return service.http.options(
        "/orders/",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_preflight_allows_every_method_and_header_of_the_api(
    limited_service: Service, method: str
) -> None:
    headers = "authorization, content-type, if-match, if-none-match, idempotency-key, x-request-id"
    answer = preflight(limited_service, ALLOWED_ORIGIN, method, headers)
    assert answer.is_success
    assert answer.headers["access-control-allow-origin"] == ALLOWED_ORIGIN
    assert method in answer.headers["access-control-allow-methods"]


def test_other_origins_are_not_allowed(limited_service: Service, user: User) -> None:
    other_origin = "https://other.example.com"
    answers: list[Any] = [
        user.get("/orders/", headers={"Origin": other_origin}),
        preflight(limited_service, other_origin, "GET", "authorization"),
    ]
    for answer in answers:
        assert "access-control-allow-origin" not in answer.headers
