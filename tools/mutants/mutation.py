"""The mutations, read from `mutations.toml`."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_TABLE: Final = Path(__file__).with_name("mutations.toml")


@dataclass(frozen=True, slots=True)
class Mutation:
    """A replacement of `before` by `after` in one file, and the tests that must fail because of it.

    `why` is the harm that the guard prevents, as a sentence.
    """

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]
    why: str

    def apply(self, root: Path) -> None:
        """Change the file below `root`.

        Raises:
            ValueError: `before` does not occur exactly once.
        """
        path = root / self.file
        source = path.read_text(encoding="utf-8")
        if (count := source.count(self.before)) != 1:
            raise ValueError(f"{self.name}: `before` occurs {count} times in {self.file}")
        path.write_text(source.replace(self.before, self.after), encoding="utf-8")

    def errors(self, root: Path) -> Iterator[str]:
        """Yield a line for everything that does not fit the sources below `root`."""
        source = root / self.file
        count = source.read_text(encoding="utf-8").count(self.before) if source.exists() else 0
        if count != 1:
            yield f"{self.name}: `before` occurs {count} times in {self.file}"
        missing = (test for test in self.tests if not _exists(root, test))
        yield from (f"{self.name}: there is no test {test}" for test in missing)


def load_mutations() -> Sequence[Mutation]:
    """Return all mutations in the order of the table."""
    rows = tomllib.loads(_TABLE.read_text(encoding="utf-8"))["mutation"]
    return [Mutation(**{**row, "tests": tuple(row["tests"])}) for row in rows]


def _exists(root: Path, test: str) -> bool:
    """Return whether the file of `path::name` or `path::Class::name` defines these names."""
    path, *names = test.split("::")
    source = (root / path).read_text(encoding="utf-8") if (root / path).exists() else ""
    definitions = (rf"^ *(async def|def|class) {name}\b" for name in names)
    return bool(names) and all(re.search(each, source, re.MULTILINE) for each in definitions)
