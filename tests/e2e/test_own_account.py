"""Changing a password, exporting and erasing an account (section 4 of the contract)."""

import json
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.e2e.assertions import assert_problem, field_errors
from tests.e2e.service import PASSWORD, Service, User, an_email, eventually

NEW = "purple tea and rain"


def change(user: User, current: Any = PASSWORD, new: Any = NEW, **headers: str) -> httpx.Response:
    body = {"current_password": current, "new_password": new}
    return user.request("POST", "/me/password/", json=body, headers=headers)


def erase(user: User, password: Any = PASSWORD, **headers: str) -> httpx.Response:
    return user.request("DELETE", "/me/", json={"password": password}, headers=headers)


def log_in(user: User, password: str = PASSWORD) -> httpx.Response:
    form = {"username": user.email, "password": password}
    return user.service.http.post("/token/", data=form)


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


# --- common passwords


@pytest.mark.parametrize("password", ["password123", "PassWord123", "12345678", "Orders-2026"])
def test_a_common_password_is_refused_at_registration(service: Service, password: str) -> None:
    registration = {"email": an_email(), "password": password}
    answer = service.http.post("/register/", json=registration)
    assert_problem(answer, 422, "common-password")
    assert field_errors(answer) == {("/password", "common-password")}


def test_a_password_like_the_address_is_refused_at_registration(service: Service) -> None:
    email = an_email()
    for password in (email, email.partition("@")[0].upper()):
        answer = service.http.post("/register/", json={"email": email, "password": password})
        assert_problem(answer, 422, "common-password")


def test_a_common_password_is_one_of_several_errors(service: Service) -> None:
    answer = service.http.post("/register/", json={"email": "ada", "password": "password123"})
    assert_problem(answer, 422, "invalid-request")
    assert field_errors(answer) == {("/email", "not-an-email"), ("/password", "common-password")}


@pytest.mark.parametrize("command", ["create", "set-password"])
def test_operators_cannot_set_a_common_password(service: Service, command: str) -> None:
    email = an_email()
    done = service.run("users", command, email, "--password-stdin", stdin="password123\n")
    assert done.returncode != 0
    assert "common password" in done.stderr


# --- POST /me/password/


def test_a_changed_password_is_the_only_one_that_works(service: Service) -> None:
    user = service.register()
    answer = change(user)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert_problem(log_in(user), 401, "invalid-credentials")
    assert log_in(user, NEW).status_code == 200


def test_a_changed_password_ends_all_other_tokens(service: Service) -> None:
    user = service.register()
    other, login = service.log_in(user.email), log_in(user).json()
    assert change(user).status_code == 204
    assert user.get("/me/").status_code == 200
    assert_problem(other.get("/me/"), 401, "token-invalid")
    form = {"grant_type": "refresh_token", "refresh_token": login["refresh_token"]}
    assert service.http.post("/token/", data=form).status_code == 401


def test_the_current_password_must_be_right(service: Service) -> None:
    user = service.register()
    other = service.log_in(user.email)
    assert_problem(change(user, "wrong horse"), 403, "wrong-password")
    assert other.get("/me/").status_code == 200
    assert log_in(user).status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "pointers"),
    [
        ("", "short", {"/current_password", "/new_password"}),
        (None, NEW, {"/current_password"}),
        (PASSWORD, 1, {"/new_password"}),
        (7, "password123", {"/current_password", "/new_password"}),
    ],
)
def test_every_invalid_field_of_a_password_change_is_named(
    ada: User, current: Any, new: Any, pointers: set[str]
) -> None:
    answer = change(ada, current, new)
    assert_problem(answer, 422, "invalid-request")
    assert {pointer for pointer, _ in field_errors(answer)} == pointers


def test_a_common_new_password_is_refused_before_the_current_one_is_verified(ada: User) -> None:
    answer = change(ada, "wrong horse", "password123")
    assert_problem(answer, 422, "common-password")
    assert field_errors(answer) == {("/new_password", "common-password")}


def test_a_password_like_the_own_address_is_refused(ada: User) -> None:
    assert_problem(change(ada, PASSWORD, ada.email), 422, "common-password")


@pytest.mark.parametrize("call", [change, erase])
def test_wrong_passwords_count_as_failed_logins(limited_service: Service, call: Any) -> None:
    address = {"X-Forwarded-For": f"203.0.113.{1 if call is change else 2}"}
    user = limited_service.register(**address)
    for _ in range(2):
        assert_problem(call(user, "wrong horse", **address), 403, "wrong-password")
    for password in ("wrong horse", PASSWORD):
        answer = call(user, password, **address)
        assert_problem(answer, 429, "rate-limited")
        assert int(answer.headers["retry-after"]) > 0


def test_right_passwords_do_not_count_as_failed_logins(limited_service: Service) -> None:
    address = {"X-Forwarded-For": "203.0.113.3"}
    user = limited_service.register(**address)
    passwords = [PASSWORD, NEW, "green tea and snow", "black tea and sun"]
    for current, new in pairwise(passwords):
        assert change(user, current, new, **address).status_code == 204


# --- GET /me/export/


def test_an_export_has_everything(service: Service) -> None:
    user = service.register()
    service.log_in(user.email)
    order = user.processed_order()
    assert user.patch(order, "CANCELED", reason="changed my mind").status_code == 200
    user.order(reference="second")
    answer = user.get("/me/export/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == 'attachment; filename="export.ndjson"'
    assert answer.headers["cache-control"] == "no-store"
    exported = lines(answer)
    kinds = ["account", "session", "session", "order", "history", "history", "order", "history"]
    assert [line["type"] for line in exported] == [*kinds, "end"]
    assert exported[0] == {"type": "account", **user.get("/me/").json()}
    assert exported[1].keys() == {
        *("type", "id", "created_at", "last_used_at", "expires_at", "address", "user_agent")
    }
    shown = user.get(f"/orders/{order['id']}/").json()
    assert exported[3] == {"type": "order", **shown}
    history = [{"type": "history", "order_id": order["id"], **each} for each in user.history(order)]
    assert exported[4:6] == history
    assert exported[-1] == {"type": "end", "sessions": 2, "orders": 2}


def test_an_export_has_no_data_of_others(service: Service, ada: User) -> None:
    ada.order()
    user = service.register()
    assert [line["type"] for line in lines(user.get("/me/export/"))] == [
        "account",
        "session",
        "end",
    ]


def test_an_export_of_many_orders_is_complete(service: Service) -> None:
    user = service.register()
    placed = [user.order()["id"] for _ in range(60)]
    exported = lines(user.get("/me/export/"))
    assert [line["id"] for line in exported if line["type"] == "order"] == placed
    assert exported[-1]["orders"] == 60


def test_an_export_supports_head_and_refuses_parameters(ada: User) -> None:
    answer = ada.request("HEAD", "/me/export/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert_problem(ada.get("/me/export/?limit=1"), 422, "invalid-request")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/me/password/"), ("DELETE", "/me/"), ("GET", "/me/export/")]
)
def test_the_own_account_needs_a_token(service: Service, method: str, path: str) -> None:
    assert_problem(service.http.request(method, path, json={}), 401, "token-missing")


# --- DELETE /me/


def test_an_erased_account_is_closed(service: Service) -> None:
    user = service.register()
    other, login = service.log_in(user.email), log_in(user).json()
    answer = erase(user)
    assert (answer.status_code, answer.content) == (204, b"")
    for each in (user, other):
        assert_problem(each.get("/me/"), 401, "token-invalid")
    assert_problem(log_in(user), 401, "invalid-credentials")
    form = {"grant_type": "refresh_token", "refresh_token": login["refresh_token"]}
    assert service.http.post("/token/", data=form).status_code == 401


def test_the_address_of_an_erased_account_can_be_registered_again(service: Service) -> None:
    user = service.register()
    user.order(reference="mine")
    assert erase(user).status_code == 204
    registration = {"email": user.email, "password": PASSWORD}
    answer = service.http.post("/register/", json=registration)
    assert answer.status_code == 201
    assert answer.json()["id"] != user.id
    again = service.log_in(user.email)
    assert again.get("/orders/").json() == []
    assert again.post_order(reference="mine").status_code == 201


def test_the_books_of_an_erased_account_stay(service: Service, staff: User) -> None:
    user = service.register()
    items = [
        {"name": "tea", "quantity": 2, "price": 4.5, "attributes": {"message": "for my Mum"}},
    ]
    placed = user.post_order(items=items, total_price=9, reference="web-1")
    assert placed.status_code == 201, placed.text
    path = f"/orders/{placed.json()['id']}/"
    assert user.patch(placed.json(), "PAID", reason="my own card").status_code == 200
    eventually(lambda: user.get(path).json()["processed_at"])
    before = user.get(path).json()
    assert staff.get(path).headers["x-cache"] == "HIT"
    assert erase(user).status_code == 204
    after = staff.get(path).json()
    assert after.pop("items") == [{"name": "tea", "quantity": 2, "price": 4.5}]
    kept = {key: value for key, value in before.items() if key not in {"items", "reference"}}
    assert after == kept
    assert [step["reason"] for step in staff.history(before)] == [None, None]


def test_a_wrong_password_erases_nothing(service: Service) -> None:
    user = service.register()
    order = user.order(reference="web-1")
    assert_problem(erase(user, "wrong horse"), 403, "wrong-password")
    assert user.get(f"/orders/{order['id']}/").json()["reference"] == "web-1"


@pytest.mark.parametrize("password", [None, "", "x" * 129, 7])
def test_an_erasure_needs_a_password(ada: User, password: Any) -> None:
    answer = erase(ada, password)
    assert_problem(answer, 422, "invalid-request")
    assert [pointer for pointer, _ in field_errors(answer)] == ["/password"]


def test_an_erased_account_is_not_in_the_log(service: Service) -> None:
    user = service.register()
    assert erase(user).status_code == 204
    assert user.email not in service.log


def test_the_audit_is_clean_after_erasures(service: Service) -> None:
    user = service.register()
    order = user.processed_order()
    user.patch(order, "CANCELED", reason="my reason")
    assert erase(user).status_code == 204

    def audit() -> dict[str, Any]:
        report: dict[str, Any] = json.loads(service.run("audit", "--json").stdout)
        return report

    eventually(lambda: audit()["unpublished"] == 0)
    assert (audit()["lost"], audit()["duplicated"]) == (0, 0)
