"""The mutations of `make mutants` fit the code, and its verdicts are right."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tools.mutants import page, replay
from tools.mutants.mutation import ROOT, Mutation, load_mutations
from tools.mutants.replay import Verdict

MUTATIONS: Final = load_mutations()
TESTS: Final = """
def test_of_the_sum():
    assert 1 + 1 == 2


def test_of_nothing():
    pass
"""


def of_a_sum(*tests: str) -> Mutation:
    return Mutation("a", "test_sum.py", "1 + 1", "1 - 1", tests, "Sums are wrong.")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "test_sum.py").write_text(TESTS)
    return tmp_path


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_fits_the_code_and_its_tests_exist(mutation: Mutation) -> None:
    assert list(mutation.errors(ROOT)) == []
    assert mutation.before != mutation.after
    assert mutation.why.endswith(".")
    assert mutation.tests


def test_each_mutation_has_its_own_name() -> None:
    names = [mutation.name for mutation in MUTATIONS]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


def test_the_page_lists_every_mutation_with_its_tests() -> None:
    rows = page.read_rows(page.PAGE.read_text()).strip().splitlines()[2:]
    assert len(rows) == len(MUTATIONS)
    for row, mutation in zip(rows, MUTATIONS, strict=True):
        parts = (f"`{mutation.name}`", f"`{mutation.file}`", mutation.why)
        assert row.startswith(f"| {' | '.join(parts)} | ")
        assert set(re.findall(r"`(tests/[^`]+)`: ", row)) == set(mutation.tests)


@pytest.mark.parametrize("before", ["2 + 2", "def "])
def test_a_mutation_whose_text_does_not_occur_exactly_once_is_an_error(
    project: Path, before: str
) -> None:
    mutation = replace(of_a_sum("test_sum.py::test_of_the_sum"), before=before)
    [error] = mutation.errors(project)
    assert "`before` occurs" in error
    with pytest.raises(ValueError, match="`before` occurs"):
        mutation.apply(project)


@pytest.mark.parametrize(
    "test", ["test_sum.py::test_of_the", "test_other.py::test_of_the_sum", "test_sum.py"]
)
def test_a_missing_test_is_an_error(project: Path, test: str) -> None:
    assert list(of_a_sum(test).errors(project)) == [f"a: there is no test {test}"]


def test_a_mutation_that_cannot_be_imported_is_not_caught(project: Path) -> None:
    mutation = replace(of_a_sum("test_sum.py::test_of_the_sum"), after="1 +")
    mutation.apply(project)
    assert not replay.run_tests(project, mutation.tests).is_complete


def test_a_mutation_is_replayed_on_a_copy_and_reported_with_the_failures(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    monkeypatch.setattr(replay, "ROOT", project)
    [failing, passing] = ["test_sum.py::test_of_the_sum", "test_sum.py::test_of_nothing"]
    verdict = replay.replay(of_a_sum(failing, passing))
    assert verdict == Verdict(
        of_a_sum(failing, passing), {failing: "assert (1 - 1) == 2"}, [passing]
    )
    assert not verdict.is_caught
    assert (project / "test_sum.py").read_text() == TESTS


def test_a_mutation_is_caught_if_every_named_test_fails() -> None:
    mutation = of_a_sum("t")
    assert Verdict(mutation, {"t": "assert 0 == 2"}).is_caught
    assert not Verdict(mutation, missed=["t"]).is_caught
    assert not Verdict(mutation, error="it did not run").is_caught


def test_the_rows_of_replayed_mutations_are_written_between_the_markers(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"before\n{page._BEGIN}{page._END}after\n")
    first, second = of_a_sum("t"), replace(of_a_sum("t"), name="b")
    page.write_rows([Verdict(first, {"t": "old"}), Verdict(second, {"t": "1"})], ["b", "a"], path)
    page.write_rows([Verdict(first, {"t": "a | b"})], ["b", "a"], path)
    rows = [
        "| `b` | `test_sum.py` | Sums are wrong. | `t`: `1` |",
        "| `a` | `test_sum.py` | Sums are wrong. | `t`: `a \\| b` |",
    ]
    table = "\n".join(["", *page._HEAD, *rows, "", ""])
    assert path.read_text() == f"before\n{page._BEGIN}{table}{page._END}after\n"
    page.write_rows([], ["a"], path)
    assert page.read_rows(path.read_text()).split("\n")[3:-2] == rows[1:]
