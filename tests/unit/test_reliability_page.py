"""All tests mentioned in `docs/reliability.md` exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/reliability.md").read_text()
#: `path` or `path::name`. A `::name` refers to the previous path.
_REFERENCE: Final = re.compile(r"`(tests/[\w/]+\.py)?(?:::(\w+)(?:::\w+)*)?`")


def _references() -> Iterator[tuple[str, str | None]]:
    path = ""
    for match in _REFERENCE.finditer(PAGE):
        path = match[1] or path
        yield path, match[2]


@pytest.mark.parametrize(("path", "name"), sorted(set(_references()), key=str))
def test_a_test_that_the_page_names_exists(path: str, name: str | None) -> None:
    source = (ROOT / path).read_text()
    assert name is None or re.search(rf"^\s*(async def|def|class) {name}\b", source, re.MULTILINE)


def test_every_case_of_the_page_has_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if re.match(r"\| [A-F]\d ", line)]
    assert len(rows) > 40
    assert all("`tests/" in row for row in rows)
