"""The mutations of `make mutants` fit the code, and its verdicts are right."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tools.mutants import finds, page, project, replay
from tools.mutants.finds import SUITES, Find, place_of
from tools.mutants.mutation import ROOT, TABLE, Edit, Mutation, load_mutations, write_seeds
from tools.mutants.replay import Verdict

MUTATIONS: Final = load_mutations()
#: The parts of the table whose harm the simulation or a crash walk has to show.
PROVEN: Final = (
    "Exactly one effect",
    "Nothing lost between the database and the broker",
    "Concurrent writes and the cache",
    "Idempotency keys",
)
TESTS: Final = """
def test_of_the_sum():
    assert 1 + 1 == 2


def test_of_nothing():
    pass
"""


def of_a_sum(*tests: str) -> Mutation:
    return Mutation("a", (Edit("test_sum.py", "1 + 1", "1 - 1"),), tests, "Sums are wrong.")


def edited(mutation: Mutation, **changes: str) -> Mutation:
    return replace(mutation, edits=tuple(replace(each, **changes) for each in mutation.edits))


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "test_sum.py").write_text(TESTS)
    return tmp_path


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_fits_the_code_and_its_tests_exist(mutation: Mutation) -> None:
    assert list(mutation.errors(ROOT)) == []
    assert all(edit.before != edit.after for edit in mutation.edits)
    assert mutation.why.endswith(".")
    assert mutation.tests
    assert set(mutation.seeds) <= set(SUITES)
    assert set(mutation.together_with) <= {each.name for each in MUTATIONS} - {mutation.name}


def test_the_loss_of_each_guard_of_an_order_is_shown_by_a_seed_or_has_a_reason() -> None:
    names = set[str]()
    for part in TABLE.read_text(encoding="utf-8").split("\n# --- ")[1:]:
        if part.splitlines()[0] in PROVEN:
            names.update(re.findall(r'^name = "(.*)"$', part, re.MULTILINE))
    proven = [mutation for mutation in MUTATIONS if mutation.name in names]
    assert len(proven) > 20
    assert [each.name for each in proven if bool(each.seeds) == bool(each.elsewhere)] == []


def test_each_mutation_has_its_own_name() -> None:
    names = [mutation.name for mutation in MUTATIONS]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


def test_the_page_lists_every_mutation_with_its_tests() -> None:
    rows = page.read_rows(page.PAGE.read_text()).strip().splitlines()[2:]
    assert len(rows) == len(MUTATIONS)
    for row, mutation in zip(rows, MUTATIONS, strict=True):
        files = ", ".join(f"`{file}`" for file in mutation.files)
        assert row.startswith(f"| `{mutation.name}` | {files} | {mutation.why} | ")
        assert set(re.findall(r"`(tests/[^`]+)`: ", row)) == set(mutation.tests)
        for suite, seed in mutation.seeds.items():
            assert re.search(rf"{place_of(suite, seed)}\b", row)
        for name in mutation.together_with:
            assert f", together with `{name}`" in row
        assert mutation.elsewhere in row


@pytest.mark.parametrize("before", ["2 + 2", "def "])
def test_a_mutation_whose_text_does_not_occur_exactly_once_is_an_error(
    sources: Path, before: str
) -> None:
    mutation = edited(of_a_sum("test_sum.py::test_of_the_sum"), before=before)
    [error] = mutation.errors(sources)
    assert "`before` occurs" in error
    with pytest.raises(ValueError, match="`before` occurs"):
        mutation.apply(sources)


@pytest.mark.parametrize(
    "test", ["test_sum.py::test_of_the", "test_other.py::test_of_the_sum", "test_sum.py"]
)
def test_a_missing_test_is_an_error(sources: Path, test: str) -> None:
    assert list(of_a_sum(test).errors(sources)) == [f"a: there is no test {test}"]


def test_a_mutation_that_cannot_be_imported_is_not_caught(sources: Path) -> None:
    mutation = edited(of_a_sum("test_sum.py::test_of_the_sum"), after="1 +")
    mutation.apply(sources)
    assert not replay.run_tests(sources, mutation.tests).is_complete


def test_a_mutation_is_replayed_on_a_copy_and_reported_with_the_failures(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=sources, check=True)
    monkeypatch.setattr(project, "ROOT", sources)
    [failing, passing] = ["test_sum.py::test_of_the_sum", "test_sum.py::test_of_nothing"]
    verdict = replay.replay(of_a_sum(failing, passing))
    assert verdict == Verdict(
        of_a_sum(failing, passing), {failing: "assert (1 - 1) == 2"}, [passing]
    )
    assert not verdict.is_caught
    assert (sources / "test_sum.py").read_text() == TESTS


def test_a_mutation_is_caught_if_every_named_test_fails() -> None:
    mutation = of_a_sum("t")
    assert Verdict(mutation, {"t": "assert 0 == 2"}).is_caught
    assert not Verdict(mutation, missed=["t"]).is_caught
    assert not Verdict(mutation, error="it did not run").is_caught


def test_rows_are_updated_between_the_markers(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"before\n{page._BEGIN}{page._END}after\n")
    first = replace(of_a_sum("tests/t"), seeds={"simulation": 7, "walk": 3})
    second = replace(of_a_sum("tests/t"), name="b", elsewhere="it is too slow.")
    page.update_rows({"a": {"tests/t": "`tests/t`: `old`"}, "b": {"tests/t": "1"}}, [], path)
    assert len(page.read_rows(path.read_text()).strip().splitlines()) == 2
    page.update_rows(
        {
            "a": page._parts_of(Verdict(first, {"tests/t": "x | y"})),
            "b": page._parts_of(Verdict(second, {"tests/t": "1"})),
        },
        [second, first],
        path,
    )
    finds = {"simulation": Find(7, "lost\nall"), "walk": None}
    page.update_rows({"a": page._found(first, finds)}, [second, first], path)
    elsewhere, seed = "Not shown by a seed: it is too slow.", "simulation, seed 7: `lost`"
    rows = [
        f"| `b` | `test_sum.py` | Sums are wrong. | `tests/t`: `1`<br>{elsewhere} |",
        f"| `a` | `test_sum.py` | Sums are wrong. | `tests/t`: `x \\| y`<br>{seed} |",
    ]
    table = "\n".join(["", *page._HEAD, *rows, "", ""])
    assert path.read_text() == f"before\n{page._BEGIN}{table}{page._END}after\n"


def test_a_seed_is_shown_with_the_other_guard_that_was_removed() -> None:
    mutation = replace(of_a_sum("t"), seeds={"walk": 3}, together_with=("b",))
    part = "crash walk in memory, point 3, together with `b`: `lost`"
    assert page._found(mutation, {"walk": Find(3, "lost")}) == {"walk": part}


def test_a_suite_that_finds_nothing_is_reported(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=sources, check=True)
    monkeypatch.setattr(project, "ROOT", sources)
    monkeypatch.setattr(finds, "hunt", lambda *_: None)
    mutation = replace(of_a_sum("test_sum.py::test_of_the_sum"), seeds={"simulation": 7})
    verdict = replay.replay(mutation)
    assert verdict.missed == ["simulation"]
    assert verdict.finds == {"simulation": None}


def test_seeds_are_written_behind_the_tests(tmp_path: Path) -> None:
    path = tmp_path / "mutations.toml"
    path.write_text(
        '# Head\n\n[[mutation]]\nname = "a"\ntests = []\nseeds = { walk = 1 }\nwhy = "x"\n'
        '\n# --- Part\n\n[[mutation]]\nname = "b"\ntests = []\nwhy = "y"\n'
    )
    write_seeds({"a": {"simulation": 2, "walk": 3}, "b": {"walk": 4}}, path)
    write_seeds({"b": {}}, path)
    assert path.read_text() == (
        '# Head\n\n[[mutation]]\nname = "a"\ntests = []\n'
        'seeds = { simulation = 2, walk = 3 }\nwhy = "x"\n'
        '\n# --- Part\n\n[[mutation]]\nname = "b"\ntests = []\nseeds = { walk = 4 }\nwhy = "y"\n'
    )


def test_the_simulation_finds_a_broken_guard_at_its_named_seed_or_at_another_one() -> None:
    breaks = Mutation(
        "a",
        (Edit("adapters/memory/transaction.py", "        self.orders.check()\n", ""),),
        (),
        "Lost.",
    )
    with project.copied_project() as root:
        breaks.apply(root)
        found = finds.hunt(root, "simulation", [1])
        assert found is not None
        assert finds.hunt(root, "simulation", [found.at, found.at]) == found
