"""The mutations, read from `mutations.toml`."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
TABLE: Final = Path(__file__).with_name("mutations.toml")


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of `before` by `after` in one file."""

    file: str
    before: str
    after: str

    def apply(self, root: Path) -> None:
        """Change the file below `root`.

        Raises:
            ValueError: `before` does not occur exactly once.
        """
        path = root / self.file
        source = path.read_text(encoding="utf-8")
        if (count := source.count(self.before)) != 1:
            raise ValueError(f"`before` occurs {count} times in {self.file}")
        path.write_text(source.replace(self.before, self.after), encoding="utf-8")

    def errors(self, root: Path) -> Iterator[str]:
        """Yield a line if this does not fit the sources below `root`."""
        source = root / self.file
        count = source.read_text(encoding="utf-8").count(self.before) if source.exists() else 0
        if count != 1:
            yield f"`before` occurs {count} times in {self.file}"


@dataclass(frozen=True, slots=True)
class Mutation:
    """Edits that remove a guard, and the tests that must fail because of them.

    `why` is the harm that the guard prevents, as a sentence. `seeds` has the seed of the simulation
    and the points of the crash walks that show this harm, by suite. If a second guard prevents it
    as well, `together_with` has the names of the mutations that are applied together with this one,
    only in these suites.
    """

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    why: str
    seeds: Mapping[str, int] = field(default_factory=dict)
    together_with: tuple[str, ...] = ()
    #: Why neither the simulation nor a crash walk can show the harm, or an empty string.
    elsewhere: str = ""

    @property
    def files(self) -> Sequence[str]:
        """The files that are changed."""
        return list(dict.fromkeys(edit.file for edit in self.edits))

    def apply(self, root: Path) -> None:
        """Change the files below `root`.

        Raises:
            ValueError: an edit does not fit its file.
        """
        for edit in self.edits:
            try:
                edit.apply(root)
            except ValueError as error:
                raise ValueError(f"{self.name}: {error}") from error

    def errors(self, root: Path) -> Iterator[str]:
        """Yield a line for everything that does not fit the sources below `root`."""
        for edit in self.edits:
            yield from (f"{self.name}: {error}" for error in edit.errors(root))
        missing = (test for test in self.tests if not _exists(root, test))
        yield from (f"{self.name}: there is no test {test}" for test in missing)


def load_mutations() -> Sequence[Mutation]:
    """Return all mutations in the order of the table."""
    return [_mutation(row) for row in tomllib.loads(TABLE.read_text(encoding="utf-8"))["mutation"]]


def _mutation(row: Mapping[str, Any]) -> Mutation:
    first = {name: row[name] for name in ("file", "before", "after")}
    edits = tuple(Edit(**each) for each in (first, *row.get("also", ())))
    return Mutation(
        name=row["name"],
        edits=edits,
        tests=tuple(row["tests"]),
        why=row["why"],
        seeds=row.get("seeds", {}),
        together_with=tuple(row.get("together_with", ())),
        elsewhere=row.get("elsewhere", ""),
    )


def write_seeds(found: Mapping[str, Mapping[str, int]], path: Path | None = None) -> None:
    """Write seeds by mutation and suite into the table, behind each mutation's tests."""
    path = path or TABLE
    text = path.read_text(encoding="utf-8")
    before, *blocks = re.split(r"(?=^\[\[mutation\]\]$)", text, flags=re.MULTILINE)
    for at, block in enumerate(blocks):
        [name] = re.findall(r'^name = "(.*)"$', block, re.MULTILINE)
        if seeds := found.get(name):
            values = ", ".join(f"{suite} = {seed}" for suite, seed in seeds.items())
            without = re.sub(r"^seeds = .*\n", "", block, flags=re.MULTILINE)
            blocks[at] = re.sub(
                r"^why = ", f"seeds = {{ {values} }}\nwhy = ", without, flags=re.MULTILINE
            )
    path.write_text("".join([before, *blocks]), encoding="utf-8")


def _exists(root: Path, test: str) -> bool:
    """Return whether the file of `path::name` or `path::Class::name` defines these names."""
    path, *names = test.split("::")
    source = (root / path).read_text(encoding="utf-8") if (root / path).exists() else ""
    definitions = (rf"^ *(async def|def|class) {name}\b" for name in names)
    return bool(names) and all(re.search(each, source, re.MULTILINE) for each in definitions)
