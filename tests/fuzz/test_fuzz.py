"""Proof that the fuzzer would see something, and that it can be repeated."""

from random import Random

import pytest

from tests.fuzz.judging import Judge
from tests.fuzz.mutations import mutated
from tests.fuzz.wire import Answer, Request

GOOD = {"x-request-id": "1", "x-content-type-options": "nosniff"}
PROBLEM = GOOD | {"content-type": "application/problem+json"}
WHOLE = b'{"type":"/p","title":"t","detail":"d","instance":"/","code":"c","status":404}'


def test_the_same_seed_asks_the_same() -> None:
    request = Request(b"POST", b"/orders/", ((b"a", b"b"),), b'{"items":[{"name":"x"}]}')
    assert [mutated(Random(n), request) for n in range(50)] == [  # noqa: S311 - to be repeated
        mutated(Random(n), request)  # noqa: S311 - as above
        for n in range(50)
    ]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (None, "no answer"),
        (Answer(500, PROBLEM, WHOLE), "a 500"),
        (Answer(200), "no X-Request-Id"),
        (Answer(200, GOOD | {"content-type": "application/json"}, b"{"), "its JSON is none"),
        (Answer(404, GOOD | {"content-type": "text/plain"}), "a 404 that is no problem"),
        (Answer(400, PROBLEM, WHOLE), "a problem of another status"),
        (Answer(404, PROBLEM, b"{}"), "a problem without code"),
        (Answer(404, PROBLEM, WHOLE[:-1] + b',"errors":[{}]}'), "a fault that is not described"),
    ],
)
def test_the_fuzzer_would_complain(answer: Answer | None, complaint: str) -> None:
    assert complaint in list(Judge().complaints(Request(b"GET", b"/"), answer))


def test_the_fuzzer_would_not_complain_of_a_good_refusal() -> None:
    assert not list(Judge().complaints(Request(b"GET", b"/"), Answer(404, PROBLEM, WHOLE)))
