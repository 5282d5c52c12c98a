"""The table of mutations in `docs/reliability.md`."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tools.mutants.mutation import ROOT
from tools.mutants.replay import Verdict

PAGE: Final = ROOT / "docs/reliability.md"
_BEGIN: Final = "<!-- mutants: written by `make mutants` -->\n"
_END: Final = "<!-- end of mutants -->\n"
_HEAD: Final = ("| mutation | in | harm | caught by |", "|---|---|---|---|")
_ROW: Final = re.compile(r"^\| `([a-z0-9-]+)` \|.*$", re.MULTILINE)


def read_rows(page: str) -> str:
    """Return the generated table of a page.

    Raises:
        ValueError: the page doesn't have both markers.
    """
    _, rows, _ = _split(page)
    return rows


def write_rows(verdicts: Iterable[Verdict], names: Sequence[str], path: Path = PAGE) -> None:
    """Replace the rows of the replayed mutations. `names` is the order of all mutations.

    Rows of mutations that no longer exist are removed.
    """
    before, old, after = _split(path.read_text(encoding="utf-8"))
    rows = {match[1]: match[0] for match in _ROW.finditer(old)}
    rows |= {verdict.mutation.name: _row(verdict) for verdict in verdicts}
    lines = [*_HEAD, *(rows[name] for name in names if name in rows)]
    table = "\n".join(["", *lines, "", ""])
    path.write_text(f"{before}{_BEGIN}{table}{_END}{after}", encoding="utf-8")


def _split(page: str) -> tuple[str, str, str]:
    if page.count(_BEGIN) != 1 or page.count(_END) != 1:
        raise ValueError(f"docs/reliability.md has to contain {_BEGIN!r} and {_END!r}")
    before, _, rest = page.partition(_BEGIN)
    rows, _, after = rest.partition(_END)
    return before, rows, after


def _row(verdict: Verdict) -> str:
    mutation = verdict.mutation
    caught = "<br>".join(_caught(test, how) for test, how in verdict.caught.items())
    return f"| `{mutation.name}` | `{mutation.file}` | {mutation.why} | {caught} |"


def _caught(test: str, message: str) -> str:
    return f"`{test}`: `{_code(message)}`"


def _code(text: str) -> str:
    """Escape text for a code span in a table."""
    return text.replace("`", "'").replace("|", "\\|")
