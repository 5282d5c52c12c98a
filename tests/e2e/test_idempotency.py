"""Section 5 of the contract: idempotency keys."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.e2e.assertions import assert_problem, concurrently, field_errors
from tests.e2e.service import TEA, User

PRICED = {"items": [{"name": "Tea", "price": 19.9}], "total_price": 19.9}


def post(user: User, key: str, **changes: Any) -> httpx.Response:
    """Place an order for tea with an idempotency key."""
    headers = {"Idempotency-Key": key}
    return user.request("POST", "/orders/", json={**TEA, **changes}, headers=headers)


def test_a_repeated_request_gets_the_first_response_byte_for_byte(ada: User) -> None:
    key, reference = uuid4().hex, uuid4().hex
    first = post(ada, key, reference=reference)
    assert first.status_code == 201
    assert "idempotent-replayed" not in first.headers
    order = first.json()
    assert ada.patch(order, "PAID").status_code == 200
    again = post(ada, key, reference=reference)
    assert (again.status_code, again.content) == (201, first.content)
    for name in ("location", "etag", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["idempotent-replayed"] == "true"
    assert ada.get(f"/orders/{order['id']}/").json()["status"] == "PAID"
    assert len(ada.get(f"/orders/?reference={reference}").json()) == 1


@pytest.mark.parametrize("quote", ["{}".format, '"{}"'.format])
def test_a_quoted_key_is_the_same_key(ada: User, quote: Callable[[str], str]) -> None:
    key = uuid4().hex
    first = post(ada, key)
    assert post(ada, quote(key)).content == first.content


def test_the_values_of_the_body_are_compared(ada: User) -> None:
    key = uuid4().hex
    first = post(ada, key, **PRICED)
    text = '{"total_price":"19.900","items":[{"price":1.99e1,"quantity":1,"name":"Tea"}]}'
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    again = ada.request("POST", "/orders/", content=text, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    named = post(ada, key, **PRICED, currency="USD", reference=None)
    assert named.content == first.content


@pytest.mark.parametrize(
    "changes", [{"total_price": 20}, {"currency": "EUR"}, {"reference": "another"}]
)
def test_another_body_is_refused(ada: User, changes: dict[str, Any]) -> None:
    key = uuid4().hex
    assert post(ada, key).status_code == 201
    assert_problem(post(ada, key, **changes), 422, "idempotency-key-reused")
    assert post(ada, key).headers["idempotent-replayed"] == "true"


def test_a_key_belongs_to_its_user(ada: User, bob: User) -> None:
    key = uuid4().hex
    orders = [post(user, key).json() for user in (ada, bob)]
    assert [order["user_id"] for order in orders] == [ada.id, bob.id]


def test_a_refused_request_leaves_its_key_free(ada: User) -> None:
    key, reference = uuid4().hex, uuid4().hex
    assert_problem(post(ada, key, items=[]), 422, "invalid-request")
    assert ada.post_order(reference=reference).status_code == 201
    assert_problem(post(ada, key, reference=reference), 409, "reference-taken")
    assert "idempotent-replayed" not in post(ada, key).headers


def test_concurrent_requests_with_a_key_place_one_order(ada: User) -> None:
    key, reference = uuid4().hex, uuid4().hex
    answers = concurrently(lambda: post(ada, key, reference=reference) for _ in range(20))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1


@pytest.mark.parametrize("key", ["", '"', "a b", "k" * 256, '"k";x=1', b"\xfc"])
def test_an_ill_formed_key_is_400(ada: User, key: str | bytes) -> None:
    headers: Any = {"Idempotency-Key": key}
    answer = ada.request("POST", "/orders/", json=TEA, headers=headers)
    assert_problem(answer, 400, "idempotency-key-invalid")
    assert field_errors(answer) == {("Idempotency-Key", "bad-idempotency-key")}


def test_two_keys_are_400(ada: User) -> None:
    keys: Any = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    bearer = ("Authorization", f"Bearer {ada.token}")
    answer = ada.service.http.post("/orders/", json=TEA, headers=[bearer, *keys])
    assert_problem(answer, 400, "repeated-header")
