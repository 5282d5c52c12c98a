"""Section 3 of the contract: request bodies, and an error for every invalid part."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.assertions import assert_problem, field_errors
from tests.e2e.service import PASSWORD, TEA, Service, User, an_email

LIMIT = 256 * 1024
GOOD = b'{"items": [{"name": "tea"}], "total_price": 1}'


def in_chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]


# --- 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{]",
        b"nonsense",
        b"{'items': []}",
        b'{"items": [],}',
        GOOD + b"x",
        GOOD + GOOD,
        b"\xff\xfe" + GOOD,
        b"\xef\xbb\xbf" + GOOD,
        b'{"reference": "\xff"}',
        b'{"reference": "\xed\xa0\x80"}',
        b'{"reference": "\\ud800"}',
        b'{"reference": "\\udc00\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"reference": "a\nb"}',
        b'{"reference": "\\x41"}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
        b'{"items":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_malformed_json_is_400(ada: User, body: bytes) -> None:
    assert_problem(ada.post_text(body), 400, "malformed-json")


@pytest.mark.parametrize(
    "form", [b"username=%ff&password=x", b"username=\xff", b"username=%ed%a0%80"]
)
def test_a_form_that_is_not_utf_8_is_400(service: Service, form: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = service.http.post("/token/", content=form, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_form_with_more_than_1000_fields_is_400(service: Service) -> None:
    form = {f"f{number}": "x" for number in range(1001)}
    problem = assert_problem(service.http.post("/token/", data=form), 400, "malformed-json")
    assert problem["detail"] == "A form may have at most 1000 fields."


# --- 413


def test_a_body_larger_than_256_kib_is_413(ada: User) -> None:
    assert ada.post_text(GOOD.ljust(LIMIT)).status_code == 201
    assert_problem(ada.post_text(GOOD.ljust(LIMIT + 1)), 413, "body-too-large")


def test_a_chunked_body_larger_than_256_kib_is_413(ada: User) -> None:
    headers = {"Content-Type": "application/json"}
    for size, status in ((LIMIT, 201), (LIMIT + 1, 413), (4 * LIMIT, 413)):
        body = in_chunks(GOOD.ljust(size))
        answer = ada.request("POST", "/orders/", content=body, headers=headers)
        assert answer.status_code == status


def test_the_size_limit_holds_for_forms_and_registrations(service: Service) -> None:
    form = {"username": "x" * LIMIT, "password": "x"}
    assert_problem(service.http.post("/token/", data=form), 413, "body-too-large")
    registration = {"email": "x" * LIMIT, "password": PASSWORD}
    assert_problem(service.http.post("/register/", json=registration), 413, "body-too-large")


# --- 415


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
    ],
)
def test_spellings_of_the_json_content_type_are_accepted(ada: User, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    assert ada.request("POST", "/orders/", content=GOOD, headers=headers).status_code == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "nonsense",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/orders/"), ("PATCH", "/orders/x/")])
def test_any_other_content_type_is_415(
    ada: User, content_type: str, method: str, path: str
) -> None:
    answer = ada.request(method, path, content=GOOD, headers={"Content-Type": content_type})
    assert_problem(answer, 415, "unsupported-content-type")


def test_a_missing_content_type_is_415(ada: User) -> None:
    assert_problem(ada.request("POST", "/orders/", content=GOOD), 415, "unsupported-content-type")


def test_registration_requires_json_and_login_requires_a_form(
    service: Service,
) -> None:
    both = {"email": an_email(), "username": an_email(), "password": PASSWORD}
    for answer in (
        service.http.post("/register/", data=both),
        service.http.post("/token/", json=both),
    ):
        assert_problem(answer, 415, "unsupported-content-type")


# --- 422: an error for every invalid field

ITEM = {"name": "tea"}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"items": []}, ("/items", "wrong-length")),
        ({"items": [ITEM] * 101}, ("/items", "wrong-length")),
        ({"items": None}, ("/items", "wrong-type")),
        ({"items": {}}, ("/items", "wrong-type")),
        ({"items": "tea"}, ("/items", "wrong-type")),
        ({"items": [[]]}, ("/items/0", "wrong-type")),
        ({"items": [ITEM, 1]}, ("/items/1", "wrong-type")),
        ({"items": [{}]}, ("/items/0", "product-missing")),
        ({"items": [{"name": None, "product_id": None}]}, ("/items/0", "product-missing")),
        ({"items": [{"product_id": ""}]}, ("/items/0/product_id", "wrong-length")),
        ({"items": [{"product_id": "x" * 65}]}, ("/items/0/product_id", "wrong-length")),
        ({"items": [{"product_id": 10**64}]}, ("/items/0/product_id", "wrong-type")),
        ({"items": [{"product_id": 1.5}]}, ("/items/0/product_id", "wrong-type")),
        ({"items": [{"product_id": True}]}, ("/items/0/product_id", "wrong-type")),
        ({"items": [{"product_id": []}]}, ("/items/0/product_id", "wrong-type")),
        ({"items": [{"name": ""}]}, ("/items/0/name", "wrong-length")),
        ({"items": [{"name": "x" * 201}]}, ("/items/0/name", "wrong-length")),
        ({"items": [{"name": 7}]}, ("/items/0/name", "wrong-type")),
        ({"items": [{"name": "a\0b"}]}, ("/items/0/name", "nul-character")),
        ({"items": [{"product_id": "a\0b"}]}, ("/items/0/product_id", "nul-character")),
        ({"items": [ITEM | {"quantity": 0}]}, ("/items/0/quantity", "out-of-range")),
        ({"items": [ITEM | {"quantity": -1}]}, ("/items/0/quantity", "out-of-range")),
        ({"items": [ITEM | {"quantity": 10_001}]}, ("/items/0/quantity", "out-of-range")),
        ({"items": [ITEM | {"quantity": 1.5}]}, ("/items/0/quantity", "wrong-type")),
        ({"items": [ITEM | {"quantity": "2"}]}, ("/items/0/quantity", "wrong-type")),
        ({"items": [ITEM | {"quantity": True}]}, ("/items/0/quantity", "wrong-type")),
        ({"items": [ITEM | {"quantity": None}]}, ("/items/0/quantity", "wrong-type")),
        ({"items": [ITEM | {"price": -1}]}, ("/items/0/price", "out-of-range")),
        ({"items": [ITEM | {"price": "x"}]}, ("/items/0/price", "not-a-number")),
        ({"items": [ITEM | {"attributes": []}]}, ("/items/0/attributes", "wrong-type")),
        (
            {"items": [ITEM | {"attributes": {str(n): n for n in range(21)}}]},
            ("/items/0/attributes", "wrong-length"),
        ),
        (
            {"items": [ITEM | {"attributes": {"a": "é" * 1024}}]},
            ("/items/0/attributes", "too-large"),
        ),
        (
            {"items": [ITEM | {"attributes": {"a": {}}}]},
            ("/items/0/attributes/a", "wrong-type"),
        ),
        (
            {"items": [ITEM | {"attributes": {"a/b~c": [1]}}]},
            ("/items/0/attributes/a~1b~0c", "wrong-type"),
        ),
        (
            {"items": [ITEM | {"attributes": {"a": None}}]},
            ("/items/0/attributes/a", "wrong-type"),
        ),
        (
            {"items": [ITEM | {"attributes": {"a": "\0"}}]},
            ("/items/0/attributes/a", "nul-character"),
        ),
        (
            {"items": [ITEM | {"attributes": {"\0": 1}}]},
            ("/items/0/attributes/\0", "nul-character"),
        ),
        ({"items": [ITEM | {"attributes": {"": 1}}]}, ("/items/0/attributes/", "wrong-length")),
        ({"currency": "usd"}, ("/currency", "unknown-currency")),
        ({"currency": "XXX"}, ("/currency", "unknown-currency")),
        ({"currency": ""}, ("/currency", "unknown-currency")),
        ({"currency": 840}, ("/currency", "unknown-currency")),
        ({"reference": ""}, ("/reference", "wrong-length")),
        ({"reference": "x" * 65}, ("/reference", "wrong-length")),
        ({"reference": 7}, ("/reference", "wrong-type")),
        ({"reference": "\0"}, ("/reference", "nul-character")),
        ({"status": "PAID"}, ("/status", "unknown-field")),
        ({"id": "x"}, ("/id", "unknown-field")),
        ({"user_id": None}, ("/user_id", "unknown-field")),
        ({"items": [ITEM | {"sku": 1}]}, ("/items/0/sku", "unknown-field")),
        ({"": 1}, ("/", "unknown-field")),
    ],
    ids=str,
)
def test_an_invalid_field_of_an_order_is_named(
    ada: User, change: dict[str, Any], fault: tuple[str, str]
) -> None:
    answer = ada.post_order(**change)
    assert_problem(answer, 422, "invalid-request")
    assert field_errors(answer) == {fault}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ('{"items": [{"name": "tea"}], "total_price": 1, "total_price": 2}', "/total_price"),
        ('{"items": [{"name": "tea", "name": "x"}], "total_price": 1}', "/items/0/name"),
        (
            '{"items": [{"name": "tea", "attributes": {"a": 1, "\\u0061": 2}}], "total_price": 1}',
            "/items/0/attributes/a",
        ),
    ],
)
def test_a_repeated_field_is_named(ada: User, body: str, pointer: str) -> None:
    answer = ada.post_text(body)
    assert_problem(answer, 422, "invalid-request")
    assert field_errors(answer) == {(pointer, "repeated-field")}


@pytest.mark.parametrize("missing", ["items", "total_price"])
def test_a_missing_field_is_named(ada: User, missing: str) -> None:
    body = {name: value for name, value in TEA.items() if name != missing}
    answer = ada.request("POST", "/orders/", json=body)
    assert field_errors(answer) == {(f"/{missing}", "missing")}


def test_every_invalid_field_of_an_order_is_named(ada: User) -> None:
    items = [
        {"name": "", "quantity": 0, "price": "1,99", "colour": "red"},
        {"product_id": [], "attributes": {"a": [], "b": {}}},
        "tea",
    ]
    answer = ada.post_order(items=items, total_price="NaN", currency="EURO", reference="", x=1)
    assert field_errors(answer) >= {
        ("/items/0/name", "wrong-length"),
        ("/items/0/quantity", "out-of-range"),
        ("/items/0/price", "not-a-number"),
        ("/items/0/colour", "unknown-field"),
        ("/items/1/product_id", "wrong-type"),
        ("/items/1/attributes/a", "wrong-type"),
        ("/items/1/attributes/b", "wrong-type"),
        ("/items/2", "wrong-type"),
        ("/total_price", "not-a-number"),
        ("/currency", "unknown-currency"),
        ("/reference", "wrong-length"),
        ("/x", "unknown-field"),
    }


@pytest.mark.parametrize("body", ["[]", "null", "1", '"x"', "true", "1.5", "[[]]"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/orders/"), ("PATCH", "/orders/x/")])
def test_json_other_than_an_object_is_422(ada: User, method: str, path: str, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = ada.request(method, path, content=body, headers=headers)
    assert_problem(answer, 422, "invalid-request")
    assert field_errors(answer) == {("", "wrong-type")}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, [("/status", "missing")]),
        ({"status": None}, [("/status", "unknown-status")]),
        ({"status": "paid"}, [("/status", "unknown-status")]),
        ({"status": 1}, [("/status", "unknown-status")]),
        ({"status": ["PAID"]}, [("/status", "unknown-status")]),
        ({"status": "PAID", "reason": ""}, [("/reason", "wrong-length")]),
        ({"status": "PAID", "reason": "x" * 501}, [("/reason", "wrong-length")]),
        ({"status": "PAID", "reason": 1}, [("/reason", "wrong-type")]),
        ({"status": "PAID", "reason": "\0"}, [("/reason", "nul-character")]),
        ({"status": "PAID", "version": 1}, [("/version", "unknown-field")]),
        ({"status": "?", "reason": 1}, [("/status", "unknown-status"), ("/reason", "wrong-type")]),
    ],
    ids=str,
)
def test_an_invalid_field_of_a_status_change_is_named(
    ada: User, body: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    answer = ada.request("PATCH", "/orders/x/", json=body)
    assert_problem(answer, 422, "invalid-request")
    assert field_errors(answer) == set(found)


def test_invalid_fields_and_headers_are_named_together(ada: User) -> None:
    answer = ada.request("PATCH", "/orders/x/", json={"status": 1}, headers={"If-Match": "v1"})
    assert field_errors(answer) == {("/status", "unknown-status"), ("If-Match", "bad-etag")}


# --- null, and the limits of valid values


def test_null_in_an_optional_field_equals_a_missing_field(ada: User) -> None:
    nulls = {"product_id": None, "price": None, "attributes": None}
    given = ada.order(items=[ITEM | nulls], currency=None, reference=None)
    without = ada.order(items=[ITEM])
    assert given["items"] == without["items"] == [{"name": "tea", "quantity": 1}]
    assert given["currency"] == without["currency"] == "USD"
    assert "reference" not in given
    assert ada.patch(given, "PAID", reason=None).status_code == 200
    assert ada.history(given)[-1]["reason"] is None


@pytest.mark.parametrize(
    "item",
    [
        {"product_id": "x" * 64},
        {"name": "x" * 200},
        {"name": "\U0001f375" * 200},
        {"name": "tea", "quantity": 10_000},
        {"name": "tea", "attributes": {str(n): n for n in range(20)}},
        {"name": "tea", "attributes": {"a": "x" * 2040}},
        {"name": "tea", "attributes": {"gift": True, "note": "", "weight": -2.5e-7, "n": 10**300}},
        {"name": "\u202e\ufeff\uffff\u0001"},
    ],
    ids=lambda item: str(item)[:40],
)
def test_values_at_the_limits_are_stored_unchanged(ada: User, item: dict[str, Any]) -> None:
    shown = ada.order(items=[item])
    assert shown["items"] == [{"quantity": 1} | item]
    assert ada.get(f"/orders/{shown['id']}/").json()["items"] == shown["items"]


def test_a_hundred_items_are_accepted(ada: User) -> None:
    assert len(ada.order(items=[ITEM] * 100)["items"]) == 100


@pytest.mark.parametrize(
    ("given", "kept"), [(7, "7"), (-7, "-7"), (7.0, "7"), (10**63, str(10**63))]
)
def test_an_integer_product_id_is_stored_as_text(ada: User, given: float, kept: str) -> None:
    assert ada.order(items=[{"product_id": given}])["items"][0]["product_id"] == kept


def test_a_quantity_of_two_point_zero_is_two(ada: User) -> None:
    assert ada.order(items=[ITEM | {"quantity": 2.0}])["items"][0]["quantity"] == 2


# --- problem details


def test_the_detail_suggests_fields_of_an_order(ada: User) -> None:
    answer = ada.post_order(items=[{"nmae": "tea", "quantity": 0}])
    detail = assert_problem(answer, 422, "invalid-request")["detail"]
    assert "`/items/0/nmae`: there is no such field; did you mean `name`?" in detail
    assert "`/items/0/quantity`: must be" in detail


def test_the_detail_suggests_fields_of_a_status_change(ada: User) -> None:
    answer = ada.request("PATCH", f"/orders/{ada.order()['id']}/", json={"stauts": "PAID"})
    detail = assert_problem(answer, 422, "invalid-request")["detail"]
    assert detail.startswith("`stauts`: there is no such field; did you mean `status`? `status`: ")


@pytest.mark.parametrize("path", ["/orders/", "/register/"])
@pytest.mark.parametrize("body", ["", "\r\n "])
def test_the_detail_names_an_empty_body(ada: User, path: str, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = ada.request("POST", path, content=body, headers=headers)
    problem = assert_problem(answer, 400, "malformed-json")
    assert problem["detail"] == "The body is empty: send a JSON object."


def test_many_unknown_fields_have_a_short_detail(ada: User) -> None:
    answer = ada.post_text(json.dumps({f"f{number}": 0 for number in range(20_000)}))
    assert_problem(answer, 422, "invalid-request")
    assert len(answer.json()["errors"]) == 20_002
    assert len(answer.json()["detail"]) < 1_000
