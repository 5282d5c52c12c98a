"""The fuzzer detects faults, and its runs are repeatable."""

import json
from random import Random
from typing import Any

import pytest

from entrypoints.http.openapi.committed import committed_text
from tests.fuzz.fuzz_http import LONG_RUN, Report
from tests.fuzz.judge import Judge
from tests.fuzz.mutations import mutated
from tests.fuzz.operations import FORM, operations_of
from tests.fuzz.wire import Answer, Request

DOCUMENT: dict[str, Any] = json.loads(committed_text())
OWNER = "019aa1ef-2a40-7b52-8f3c-0d1e2f3a4b5c"
GOOD = {
    "x-request-id": "1",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
PROBLEM = GOOD | {"content-type": "application/problem+json", "cache-control": "no-store"}
JSON = GOOD | {"content-type": "application/json", "cache-control": "no-store"}
WHOLE = b'{"type":"/p","title":"t","detail":"d","instance":"/","code":"not-found","status":404}'
ADA = {"id": OWNER, "email": "a@b.org", "role": "user", "created_at": "2026-01-31T12:00:00Z"}
BODY = json.dumps(ADA).encode()
ME = Request(b"GET", b"/me/", role="user")


def complaints(answer: Answer | None, request: Request = Request(b"GET", b"/")) -> list[str]:  # noqa: B008 - frozen
    return list(Judge(DOCUMENT, OWNER).complaints(request, answer))


def test_the_same_seed_sends_the_same_requests() -> None:
    request = Request(b"POST", b"/orders/", ((b"a", b"b"),), b'{"items":[{"name":"x"}]}')
    assert [mutated(Random(n), request) for n in range(50)] == [  # noqa: S311 - repeatable
        mutated(Random(n), request)  # noqa: S311 - repeatable
        for n in range(50)
    ]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (None, "no answer"),
        (Answer(500, PROBLEM, WHOLE), "a 500"),
        (Answer(200), "no X-Request-Id"),
        (Answer(200), "no nosniff"),
        (Answer(200), "frames are allowed"),
        (Answer(200, GOOD | {"content-type": "application/json"}, b"{"), "invalid JSON"),
        (Answer(404, GOOD | {"content-type": "text/plain"}), "a 404 that is no problem"),
        (Answer(400, PROBLEM, WHOLE), "a problem of another status"),
        (Answer(404, PROBLEM, b"{}"), "a problem without code"),
        (Answer(404, PROBLEM, WHOLE[:-1] + b',"errors":[{}]}'), "an error without a description"),
    ],
)
def test_an_invalid_response_is_reported(answer: Answer | None, complaint: str) -> None:
    assert complaint in complaints(answer)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"status": 418}, "418 is not documented"),
        ({"x-debug": "1"}, "200 with x-debug, which is not documented"),
        ({"cache-control": None}, "200 without cache-control"),
        ({"content-type": "text/html"}, "200 with the type 'text/html' is not documented"),
        ({"ratelimit-limit": "many"}, "ratelimit-limit has a value that is not documented"),
        ({"role": "root"}, "200 does not fit its schema at /role: enum"),
        ({"created_at": "now"}, "200 does not fit its schema at /created_at: format"),
        ({"secret": "x"}, "200 does not fit its schema at /: additionalProperties"),
    ],
)
def test_a_response_that_differs_from_the_document_is_reported(
    changed: dict[str, Any], complaint: str
) -> None:
    [(name, value)] = changed.items()
    headers = {each: text for each, text in (JSON | changed).items() if "-" in each and text}
    body = json.dumps(ADA if "-" in name else ADA | changed).encode()
    assert complaint in complaints(Answer(value if name == "status" else 200, headers, body), ME)


def test_valid_responses_are_not_reported() -> None:
    assert not complaints(Answer(404, PROBLEM, WHOLE), Request(b"GET", b"/nowhere"))
    assert not complaints(Answer(200, JSON, BODY), ME)


def test_a_422_needs_errors_unless_all_values_are_valid() -> None:
    problem = {"type": "/p", "title": "t", "detail": "d", "instance": "/", "status": 422}
    for code, is_reported in (("invalid-request", True), ("idempotency-key-reused", False)):
        body = json.dumps(problem | {"code": code}).encode()
        found = complaints(Answer(422, PROBLEM, body), Request(b"POST", b"/orders/", role="user"))
        assert ("a 422 without errors" in found) == is_reported


@pytest.mark.parametrize("role", ["anonymous", "other user", "disposable user"])
def test_data_of_another_user_is_reported(role: str) -> None:
    found = complaints(Answer(200, JSON, BODY), Request(b"GET", b"/me/", role=role))
    assert found == [f"data of another user in a 200 to {role}"]


@pytest.mark.parametrize(
    ("total", "unsuccessful", "complaints", "is_faulty"),
    [
        (LONG_RUN, {"erase_account"}, [], True),
        (LONG_RUN - 1, {"erase_account"}, [], False),
        (LONG_RUN, set(), [], False),
        (1, set(), ["a 500"], True),
    ],
)
def test_a_long_run_needs_a_success_of_every_operation(
    total: int, unsuccessful: set[str], complaints: list[str], *, is_faulty: bool
) -> None:
    report = Report(1, unsuccessful=unsuccessful)
    report.statuses["user"][200] = total
    report.complaints.update(complaints)
    assert report.is_faulty == is_faulty


def test_every_operation_of_the_document_is_requested() -> None:
    operations = operations_of(DOCUMENT)
    documented = {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert {(each.method, each.path) for each in operations} == documented


def test_a_new_route_is_requested_with_its_parameters_and_example() -> None:
    body = {"schema": {"type": "object"}, "examples": {"a": {"value": {"token": "a b"}}}}
    path = {"name": "session_id", "in": "path", "schema": {"type": "string", "format": "uuid"}}
    item = {"post": {"parameters": [path], "requestBody": {"content": {FORM: body}}}}
    [operation] = operations_of({"paths": {"/sessions/{session_id}/": item}})
    request = operation.request(Random(1), {"session_id": ["7"]})  # noqa: S311 - repeatable
    assert request == Request(
        b"POST", b"/sessions/7/", ((b"content-type", FORM.encode()),), b"token=a+b"
    )
    assert b"{" not in operation.request(Random(1), {}).target  # noqa: S311 - repeatable
