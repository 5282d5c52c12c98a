"""The table of mutations in `docs/reliability.md`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tools.mutants.finds import SUITES, Finds, place_of
from tools.mutants.mutation import ROOT, Mutation, load_mutations
from tools.mutants.replay import Verdict, first_line

PAGE: Final = ROOT / "docs/reliability.md"
_BEGIN: Final = "<!-- mutants: written by `make mutants` -->\n"
_END: Final = "<!-- end of mutants -->\n"
_HEAD: Final = ("| mutation | in | harm | caught by |", "|---|---|---|---|")
_ROW: Final = re.compile(r"^\| `([a-z0-9-]+)` \|.*(?<!\\)\| (.*) \|$", re.MULTILINE)
_LABELS: Final = {label: suite for suite, label in SUITES.items()}
#: The test or the suite at the beginning of what has caught a mutation.
_KEY: Final = re.compile(rf"`(tests/[^`]+)`|({'|'.join(_LABELS)}),")

#: What has caught a mutation, as Markdown, by test or suite.
Parts = Mapping[str, str]


def read_rows(page: str) -> str:
    """Return the generated table of a page.

    Raises:
        ValueError: the page doesn't have both markers.
    """
    _, rows, _ = _split(page)
    return rows


def write_verdicts(verdicts: Iterable[Verdict]) -> None:
    """Update the rows of the replayed mutations."""
    update_rows({verdict.mutation.name: _parts_of(verdict) for verdict in verdicts}, _all())


def write_finds(found: Mapping[str, Finds]) -> None:
    """Update what the simulation and the walks have found, by mutation."""
    mutations = _all()
    parts = {each.name: _found(each, found.get(each.name, {})) for each in mutations}
    update_rows(parts, mutations)


def update_rows(
    updates: Mapping[str, Parts], mutations: Sequence[Mutation], path: Path = PAGE
) -> None:
    """Update parts of rows. Everything that is not in the table of mutations is removed."""
    before, rows, after = _split(path.read_text(encoding="utf-8"))
    old = {match[1]: _parse(match[2]) for match in _ROW.finditer(rows)}
    lines = list(_HEAD)
    for mutation in mutations:
        known = {**old.get(mutation.name, {}), **updates.get(mutation.name, {})}
        parts = [known[key] for key in (*mutation.tests, *mutation.seeds) if key in known]
        if parts:
            files = ", ".join(f"`{file}`" for file in mutation.files)
            if mutation.elsewhere:
                parts.append(f"Not shown by a seed: {mutation.elsewhere}")
            caught = "<br>".join(parts)
            lines.append(f"| `{mutation.name}` | {files} | {mutation.why} | {caught} |")
    table = "\n".join(["", *lines, "", ""])
    path.write_text(f"{before}{_BEGIN}{table}{_END}{after}", encoding="utf-8")


def _all() -> Sequence[Mutation]:
    return load_mutations()


def _split(page: str) -> tuple[str, str, str]:
    if page.count(_BEGIN) != 1 or page.count(_END) != 1:
        raise ValueError(f"docs/reliability.md has to contain {_BEGIN!r} and {_END!r}")
    before, _, rest = page.partition(_BEGIN)
    rows, _, after = rest.partition(_END)
    return before, rows, after


def _parse(caught: str) -> Parts:
    parts = {}
    for part in caught.split("<br>"):
        if match := _KEY.match(part):
            parts[match[1] or _LABELS[match[2]]] = part
    return parts


def _parts_of(verdict: Verdict) -> Parts:
    tests = {test: f"`{test}`: `{_code(how)}`" for test, how in verdict.caught.items()}
    return {**tests, **_found(verdict.mutation, verdict.finds)}


def _found(mutation: Mutation, finds: Finds) -> Parts:
    names = " and ".join(f"`{name}`" for name in mutation.together_with)
    together = f", together with {names}" if names else ""
    return {
        suite: f"{place_of(suite, find.at)}{together}: `{_code(first_line(find.failure))}`"
        for suite, find in finds.items()
        if find is not None
    }


def _code(text: str) -> str:
    """Escape text for a code span in a table."""
    return text.replace("`", "'").replace("|", "\\|")
