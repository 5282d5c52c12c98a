import pytest

from domain.validation import ValidationErrors
from entrypoints.http.messages.name_suggestions import no_such

KNOWN = ("limit", "cursor", "status", "created_after")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("stauts", "status"), ("status[]", "status"), ("Limit", "limit"), ("createdAfter", KNOWN[3])],
)
def test_the_nearest_known_name_is_suggested(name: str, meant: str) -> None:
    sentence = no_such("parameter", name, KNOWN, ValidationErrors())
    assert sentence == f"There is no such parameter; did you mean `{meant}`?"


def test_without_a_near_name_the_known_names_are_listed() -> None:
    sentence = no_such("field", "x", ("a", "b"), ValidationErrors())
    assert sentence == "There is no such field. Known fields: `a`, `b`."
    assert (
        no_such("field", "x", (), ValidationErrors())
        == "There is no such field; none are supported here."
    )


def test_only_the_first_of_many_unknown_names_get_a_suggestion() -> None:
    errors = ValidationErrors()
    suggested = 0
    for number in range(100):
        detail = no_such("field", f"stauts{number}", KNOWN, errors)
        errors.add("unknown-field", detail, f"stauts{number}")
        suggested += "did you mean" in detail
    assert suggested == 20
    assert no_such("field", "x" * 100_000, KNOWN, ValidationErrors()) == "There is no such field."
