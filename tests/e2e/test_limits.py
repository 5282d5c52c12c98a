"""How often somebody may ask, from where, and from whose pages."""

from itertools import count
from typing import Any

import httpx
import pytest

from tests.e2e.answers import assert_problem
from tests.e2e.conftest import SHOP
from tests.e2e.service import PASSWORD, TEA, Service, User, an_email

_numbers = count(1)
OPEN_TO = {"origin": SHOP}


@pytest.fixture
def elsewhere() -> dict[str, str]:
    """An address that nobody has come from yet."""
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
def user(limited_service: Service, elsewhere: dict[str, str]) -> User:
    """Somebody whose limits are all untouched."""
    return limited_service.register(**elsewhere)


# --- RATE_LIMIT_ORDERS


def test_a_user_may_create_so_many_orders_and_then_must_wait(user: User) -> None:
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


def test_one_users_limit_is_not_anothers(limited_service: Service, user: User) -> None:
    for _ in range(4):
        user.post_order()
    other = limited_service.register(**{"X-Forwarded-For": an_address()})
    assert other.post_order().status_code == 201


def test_a_user_over_their_limit_is_refused_before_their_body_is_looked_at(user: User) -> None:
    for _ in range(3):
        user.post_order()
    assert_limited(user.ask("POST", "/orders/", content=b"{"))


def test_a_refused_order_counts(user: User) -> None:
    for _ in range(3):
        assert user.post_order(total_price=-1).status_code == 422
    assert_limited(user.post_order())


# --- RATE_LIMIT_REGISTER


def test_an_address_may_open_so_many_accounts(
    limited_service: Service, elsewhere: dict[str, str]
) -> None:
    def register() -> httpx.Response:
        registration = {"email": an_email(), "password": PASSWORD}
        return limited_service.http.post("/register/", json=registration, headers=elsewhere)

    answers = [register() for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0"]
    assert_limited(register())


# --- RATE_LIMIT_LOGIN


def test_while_limited_the_right_password_is_refused_too(
    limited_service: Service, user: User, elsewhere: dict[str, str]
) -> None:
    for _ in range(2):
        assert log_in(limited_service, user.email, "wrong", **elsewhere).status_code == 401
    assert_limited(log_in(limited_service, user.email, PASSWORD, **elsewhere))
    assert_limited(log_in(limited_service, user.email.upper(), PASSWORD, **elsewhere))
    assert user.get("/me/").status_code == 200


def test_an_attempt_is_given_back_when_the_password_is_right(
    limited_service: Service, user: User, elsewhere: dict[str, str]
) -> None:
    for _ in range(5):
        assert log_in(limited_service, user.email, PASSWORD, **elsewhere).status_code == 200
    assert log_in(limited_service, user.email, "wrong", **elsewhere).status_code == 401
    assert log_in(limited_service, user.email, PASSWORD, **elsewhere).status_code == 200


def test_another_address_may_still_log_in(
    limited_service: Service, user: User, elsewhere: dict[str, str]
) -> None:
    for _ in range(3):
        log_in(limited_service, user.email, "wrong", **elsewhere)
    other = {"X-Forwarded-For": an_address()}
    assert log_in(limited_service, user.email, PASSWORD, **other).status_code == 200


def test_one_account_over_all_may_fail_ten_times_as_often(
    limited_service: Service, user: User
) -> None:
    for _ in range(10):
        address = {"X-Forwarded-For": an_address()}
        for _ in range(2):
            assert log_in(limited_service, user.email, "wrong", **address).status_code == 401
    address = {"X-Forwarded-For": an_address()}
    assert_limited(log_in(limited_service, user.email, PASSWORD, **address))


def test_one_address_over_all_may_fail_ten_times_as_often(
    limited_service: Service, user: User, elsewhere: dict[str, str]
) -> None:
    for _ in range(20):
        assert log_in(limited_service, an_email(), "wrong", **elsewhere).status_code == 401
    assert_limited(log_in(limited_service, user.email, PASSWORD, **elsewhere))


def test_a_login_carries_the_limit_with_the_least_left(
    limited_service: Service, user: User, elsewhere: dict[str, str]
) -> None:
    left = [
        log_in(limited_service, user.email, "wrong", **elsewhere).headers["ratelimit-remaining"]
        for _ in range(3)
    ]
    assert left == ["1", "0", "0"]


# --- RATE_LIMIT_DEFAULT


def test_everything_else_is_limited_by_user(user: User) -> None:
    first = user.get("/orders/")
    assert first.headers["ratelimit-limit"] == "40"
    left = int(first.headers["ratelimit-remaining"])
    for number in range(left):
        assert user.get("/orders/").headers["ratelimit-remaining"] == str(left - 1 - number)
    for refused in (user.get("/me/"), user.ask("PATCH", "/orders/x/"), user.get("/orders/x/")):
        assert_limited(refused)
    assert user.post_order().status_code == 201
    assert user.get("/health/").status_code == 200


def test_who_has_no_token_is_limited_by_address_before_they_are_refused(
    limited_service: Service, elsewhere: dict[str, str]
) -> None:
    http = limited_service.http
    for _ in range(40):
        assert http.get("/orders/", headers=elsewhere).status_code == 401
    for path in ("/orders/", "/me/", "/orders/x/"):
        assert_limited(http.get(path, headers=elsewhere))
    assert_limited(http.post("/orders/", json=TEA, headers=elsewhere))
    assert_limited(http.post("/token/", content=b"", headers=elsewhere))
    assert http.get("/nowhere", headers=elsewhere).status_code == 404
    assert http.put("/orders/", headers=elsewhere).status_code == 405
    assert http.get("/me/", headers={"X-Forwarded-For": an_address()}).status_code == 401


def test_a_valid_token_is_not_refused_for_what_others_do_from_its_address(
    limited_service: Service, user: User, elsewhere: dict[str, str]
) -> None:
    for _ in range(41):
        limited_service.http.get("/me/", headers=elsewhere)
    assert user.get("/me/", headers=elsewhere).status_code == 200


@pytest.mark.parametrize("path", ["/health/", "/metrics"])
def test_what_operators_ask_is_not_limited_and_says_nothing_of_limits(
    limited_service: Service, elsewhere: dict[str, str], path: str
) -> None:
    for _ in range(45):
        answer = limited_service.http.get(path, headers=elsewhere)
        assert answer.status_code == 200
        assert "ratelimit-limit" not in answer.headers


def test_with_the_limits_off_no_answer_speaks_of_them(ada: User) -> None:
    for answer in (ada.post_order(), ada.get("/orders/"), ada.service.http.get("/me/")):
        assert not [name for name in answer.headers if name.startswith("ratelimit-")]


# --- TRUSTED_PROXIES


def a_wrong_login(service: Service, email: str, forwarded_for: str) -> int:
    headers = {"X-Forwarded-For": forwarded_for}
    return log_in(service, email, "wrong", **headers).status_code


def test_nobodys_x_forwarded_for_is_believed_by_default(staffed_service: Service) -> None:
    email = an_email()
    statuses = [a_wrong_login(staffed_service, email, an_address()) for _ in range(3)]
    assert statuses == [401, 401, 429]


def test_what_a_client_puts_before_the_proxys_word_is_not_believed(
    limited_service: Service,
) -> None:
    email, client = an_email(), an_address()
    statuses = [
        a_wrong_login(limited_service, email, f"{an_address()}, {client}") for _ in range(3)
    ]
    assert statuses == [401, 401, 429]


def test_a_chain_of_trusted_proxies_is_followed_to_the_first_who_is_not(
    limited_service: Service,
) -> None:
    email, client = an_email(), an_address()
    chains = [client, f"{client}, 198.51.100.7", f"{an_address()},{client},198.51.100.9,127.0.0.1"]
    statuses = [a_wrong_login(limited_service, email, chain) for chain in chains]
    assert statuses == [401, 401, 429]


@pytest.mark.parametrize("garbage", ["nonsense", ",", "127.0.0.1:80", "é", "x" * 4000, "::ffff:x"])
def test_garbage_in_x_forwarded_for_hurts_nobody(limited_service: Service, garbage: str) -> None:
    headers = {b"X-Forwarded-For": garbage.encode()}
    assert limited_service.http.get("/health/", headers=headers).status_code == 200
    assert limited_service.http.get("/orders/", headers=headers).status_code in {401, 429}


# --- CORS_ORIGINS

EXPOSED = {
    "etag",
    "location",
    "link",
    "x-request-id",
    "x-cache",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
}


def test_an_open_origin_reads_the_answers_and_their_headers(user: User) -> None:
    answer = user.get("/orders/", headers=OPEN_TO)
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "Origin" in answer.headers["vary"]
    exposed = answer.headers["access-control-expose-headers"].lower().replace(" ", "")
    assert set(exposed.split(",")) >= EXPOSED


@pytest.mark.parametrize("path", ["/nowhere", "/me/", "/orders/", "/token/"])
def test_an_open_origin_reads_refusals_too(
    limited_service: Service, elsewhere: dict[str, str], path: str
) -> None:
    answer = limited_service.http.get(path, headers=OPEN_TO | elsewhere)
    assert answer.status_code >= 400
    assert answer.headers["access-control-allow-origin"] == SHOP


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
def test_an_open_origin_may_ask_for_anything_the_api_knows(
    limited_service: Service, method: str
) -> None:
    headers = "authorization, content-type, if-match, if-none-match, idempotency-key, x-request-id"
    answer = preflight(limited_service, SHOP, method, headers)
    assert answer.is_success
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert method in answer.headers["access-control-allow-methods"]


def test_any_other_origin_is_closed_out(limited_service: Service, user: User) -> None:
    thief = "https://thief.example.com"
    answers: list[Any] = [
        user.get("/orders/", headers={"Origin": thief}),
        preflight(limited_service, thief, "GET", "authorization"),
    ]
    for answer in answers:
        assert "access-control-allow-origin" not in answer.headers
