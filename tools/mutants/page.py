"""The table of mutations in `docs/reliability.md`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tools.mutants.mutation import ROOT
from tools.mutants.replay import Verdict

PAGE: Final = ROOT / "docs/reliability.md"
_BEGIN: Final = "<!-- mutants: written by `make mutants` -->\n"
_END: Final = "<!-- end of mutants -->\n"


def read_rows(page: str) -> str:
    """Return the generated table of a page.

    Raises:
        ValueError: the page doesn't have both markers.
    """
    _, rows, _ = _split(page)
    return rows


def write_rows(verdicts: Iterable[Verdict], path: Path = PAGE) -> None:
    """Replace the page's table."""
    before, _, after = _split(path.read_text(encoding="utf-8"))
    rows = "\n".join(["", *_table(verdicts), "", ""])
    path.write_text(f"{before}{_BEGIN}{rows}{_END}{after}", encoding="utf-8")


def _split(page: str) -> tuple[str, str, str]:
    if page.count(_BEGIN) != 1 or page.count(_END) != 1:
        raise ValueError(f"docs/reliability.md has to contain {_BEGIN!r} and {_END!r}")
    before, _, rest = page.partition(_BEGIN)
    rows, _, after = rest.partition(_END)
    return before, rows, after


def _table(verdicts: Iterable[Verdict]) -> Iterator[str]:
    yield "| mutation | in | harm | caught by |"
    yield "|---|---|---|---|"
    for verdict in verdicts:
        mutation = verdict.mutation
        caught = "<br>".join(_caught(test, how) for test, how in verdict.caught.items())
        yield f"| `{mutation.name}` | `{mutation.file}` | {mutation.why} | {caught} |"


def _caught(test: str, message: str) -> str:
    return f"`{test}`: `{_code(message)}`"


def _code(text: str) -> str:
    """Escape text for a code span in a table."""
    return text.replace("`", "'").replace("|", "\\|")
