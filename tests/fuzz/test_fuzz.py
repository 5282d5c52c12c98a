"""The fuzzer detects faults, and its runs are repeatable."""

from random import Random

import pytest

from tests.fuzz.judge import Judge
from tests.fuzz.mutations import mutated
from tests.fuzz.wire import Answer, Request

GOOD = {"x-request-id": "1", "x-content-type-options": "nosniff"}
PROBLEM = GOOD | {"content-type": "application/problem+json"}
WHOLE = b'{"type":"/p","title":"t","detail":"d","instance":"/","code":"c","status":404}'


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
        (Answer(200, GOOD | {"content-type": "application/json"}, b"{"), "invalid JSON"),
        (Answer(404, GOOD | {"content-type": "text/plain"}), "a 404 that is no problem"),
        (Answer(400, PROBLEM, WHOLE), "a problem of another status"),
        (Answer(404, PROBLEM, b"{}"), "a problem without code"),
        (Answer(404, PROBLEM, WHOLE[:-1] + b',"errors":[{}]}'), "an error without a description"),
    ],
)
def test_an_invalid_response_is_reported(answer: Answer | None, complaint: str) -> None:
    assert complaint in list(Judge().complaints(Request(b"GET", b"/"), answer))


def test_a_valid_problem_is_not_reported() -> None:
    assert not list(Judge().complaints(Request(b"GET", b"/"), Answer(404, PROBLEM, WHOLE)))
