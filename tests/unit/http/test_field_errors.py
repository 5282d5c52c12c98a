"""The error codes for invalid values, and their catalogue in `docs/errors.md`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrypoints.http.problems.field_errors import FIELD_ERRORS, FieldErrorEntry

ROOT = Path(__file__).parents[3]
FOLDERS = ("domain", "application", "adapters", "entrypoints/http")
KEBAB = re.compile("[a-z]+(-[a-z]+)*")


def codes_of(call: ast.Call) -> Iterator[str]:
    """Yield the error code, if this call makes an error with a literal one."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    at = {"value": 0, "add": 0, "FieldError": 1, "ParameterError": 1, "HeaderError": 1}.get(name)
    if at is not None and len(call.args) > at + 1 - (name == "value"):
        match call.args[at]:
            case ast.Constant(value=str(code)) if KEBAB.fullmatch(code):
                yield code


def codes() -> set[str]:
    """Return all error codes in the source."""
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {code for call in calls for code in codes_of(call)}


def test_every_code_of_an_error_has_an_entry_and_every_entry_has_an_error() -> None:
    listed = [entry.code for entry in FIELD_ERRORS]
    assert listed == sorted(codes())


@pytest.mark.parametrize("entry", FIELD_ERRORS, ids=lambda entry: entry.code)
def test_an_entry_has_a_meaning_and_a_remedy(entry: FieldErrorEntry) -> None:
    assert entry.meaning.endswith(".")
    assert entry.remedy.endswith((".", '".'))
