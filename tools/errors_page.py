"""Generate `docs/errors.md` from the catalogues: `python -m tools.errors_page`."""

import sys
from collections.abc import Iterable

from entrypoints.http.problems.catalogue import CATALOGUE
from entrypoints.http.problems.field_errors import FIELD_ERRORS

_START = """\
# Errors

Every refusal is a problem document (RFC 9457, `application/problem+json`). Branch on its `code`: it
never changes its meaning. `type` is the address of a page about the code on the service itself,
`detail` describes the one occurrence for people, and `errors` lists every invalid value with its
`pointer` (RFC 6901, in the body), `parameter` or `header`.

`python -m tools.errors_page` makes this page, and `make check` compares it with the code.

## Problems

"""
_FAULTS = """
## Codes of invalid values

The `code` of each entry of `errors`. `total-mismatch` is one of them too, if nothing else is wrong.

"""


def errors_page() -> str:
    """Return all codes with their meanings and remedies, as Markdown."""
    problems = _table(
        ("status", "code", "meaning", "remedy"),
        ((str(each.status), f"`{each.code}`", each.meaning, each.remedy) for each in CATALOGUE),
    )
    faults = _table(
        ("code", "meaning", "remedy"),
        ((f"`{each.code}`", each.meaning, each.remedy) for each in FIELD_ERRORS),
    )
    return f"{_START}{problems}{_FAULTS}{faults}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(errors_page())
