import pytest

from domain.faults import Faults
from entrypoints.http.known_names import no_such

KNOWN = ("limit", "cursor", "status", "created_after")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("stauts", "status"), ("status[]", "status"), ("Limit", "limit"), ("createdAfter", KNOWN[3])],
)
def test_the_nearest_known_name_is_suggested(name: str, meant: str) -> None:
    sentence = no_such("parameter", name, KNOWN, Faults())
    assert sentence == f"There is no such parameter; did you mean `{meant}`?"


def test_without_a_near_name_the_known_ones_are_listed() -> None:
    sentence = no_such("field", "x", ("a", "b"), Faults())
    assert sentence == "There is no such field; known are `a`, `b`."
    assert no_such("field", "x", (), Faults()) == "There is no such field; there is none here."


def test_only_the_first_of_many_unknown_names_take_time() -> None:
    faults = Faults()
    suggested = 0
    for number in range(100):
        detail = no_such("field", f"stauts{number}", KNOWN, faults)
        faults.note("unknown-field", detail, f"stauts{number}")
        suggested += "did you mean" in detail
    assert suggested == 20
    assert no_such("field", "x" * 100_000, KNOWN, Faults()) == "There is no such field."
