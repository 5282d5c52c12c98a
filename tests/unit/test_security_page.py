"""The security documents are complete, and everything that they mention exists."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
#: All requirements of levels 1 and 2 of OWASP ASVS 5.0.0, each with its level.
REQUIREMENTS: Final = Path(__file__).with_name("data") / "asvs_5_0_0_levels_1_and_2.txt"
PAGES: Final = ("docs/asvs.md", "docs/security.md", "SECURITY.md")
STATUSES: Final = {"met", "not met", "not applicable"}

#: A file or folder with a slash, or a file in the project's folder, and the name of a test.
_REFERENCE: Final = re.compile(
    r"`(?!application/json)((?:[\w.-]+/)+[\w.-]+|[\w.-]+\.(?:ya?ml|lock|toml|md)|Containerfile)(?:::(\w+))?`"
)
_LINK: Final = re.compile(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)")


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def rows(page: str) -> Iterator[list[str]]:
    """Yield the cells of each row that has a status, in tables that have a status column."""
    column = None
    for line in text_of(page).splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if "status" in cells[2:]:
            column = cells.index("status")
        elif not cells:
            column = None
        elif column is not None and not set(line) <= set("|- "):
            yield [*cells[:2], cells[column], *cells[column + 1 :]]


def references() -> Iterator[tuple[str, str, str]]:
    for page in PAGES:
        for match in _REFERENCE.finditer(text_of(page)):
            yield page, match[1], match[2] or ""


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def has_test(path: Path, name: str) -> bool:
    source = path.read_text(encoding="utf-8")
    return re.search(rf"^\s*(?:async )?def {name}\b", source, re.MULTILINE) is not None


def test_the_table_has_every_requirement_once_with_its_level() -> None:
    expected = [line.split() for line in REQUIREMENTS.read_text().splitlines()]
    assert len(expected) == 253
    assert [row[:2] for row in rows("docs/asvs.md")] == expected


@pytest.mark.parametrize("page", ["docs/asvs.md", "docs/security.md"])
def test_a_status_is_one_of_three(page: str) -> None:
    assert {row[2] for row in rows(page)} == STATUSES


def test_the_checklists_have_every_section() -> None:
    sections = {row[0] for row in rows("docs/security.md")}
    jwt = {f"3.{number}" for number in range(1, 16)}
    oauth = {f"4.{number}" for number in range(1, 18) if number != 10} | {"4.10.1", "4.10.2"}
    oauth |= {"2.1", "2.1.1", "2.1.2", "2.2.1", "2.2.2", "2.3", "2.4", "2.5", "2.6"}
    assert sections == jwt | oauth


@pytest.mark.parametrize("page", ["docs/asvs.md", "docs/security.md"])
def test_a_row_names_a_place_or_a_reason(page: str) -> None:
    assert [row[0] for row in rows(page) if not row[3]] == []


def test_the_summary_counts_the_rows() -> None:
    counts = Counter((row[2], row[1]) for row in rows("docs/asvs.md"))
    for status in STATUSES:
        first, second = counts[status, "1"], counts[status, "2"]
        assert f"| {status} | {first} | {second} | {first + second} |" in text_of("docs/asvs.md")


def test_the_pages_name_files_and_tests() -> None:
    assert sum(bool(name) for _, _, name in references()) > 100
    assert {page for page, _, _ in references()} >= {"docs/asvs.md", "docs/security.md"}


@pytest.mark.parametrize(("page", "path", "name"), sorted(set(references())))
def test_a_file_or_test_that_a_page_names_exists(page: str, path: str, name: str) -> None:
    file = ROOT / path
    assert file.exists(), f"{page} names {path}"
    assert not name or has_test(file, name), f"{page} names {name} in {path}"


@pytest.mark.parametrize("page", PAGES)
def test_a_link_to_a_section_leads_to_a_heading(page: str) -> None:
    for path, anchor in _LINK.findall(text_of(page)):
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), path
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), f"{path}#{anchor}"
