"""Count habits of style in docstrings, comments and documents: `python -m tools.check_style`.

Each habit has a count per 1,000 words, for the Python and for the Markdown of the project.
`--list` prints every hit with its line instead of the counts. Paths narrow both to some files
or folders. docs/style.md explains the habits and has the counts of other projects.
"""

import argparse
import ast
import io
import os
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: The highest allowed count per 1,000 words.
LIMIT: Final = 1.5

_PERSON: Final = (
    r"users?|people|person|persons|persons|those|customers?|operators?|readers?|developers?|someone"
    r"|maintainers?|contributors?|authors?|owners?|programmers?|attackers?|reporters?|colleagues?"
    r"|reviewers?|members?|anyone|everyone|you|we|i|they|he|she|staff|admins?|administrators?"
)
#: Words that `where` may follow, such as places and cases.
_PLACE: Final = (
    r"cases?|situations?|scenarios?|places?|points?|positions?|files?|folders?|director(?:y|ies)"
    r"|paths?|lines?|contexts?|examples?|environments?|locations?|know|knows|see|from|exactly|sections?"
    r"|is|style|modes?|modules?|address(?:es)?|decide|decides|find|shows?|rows?|columns?|tables?|of|state|areas?|to"
)

#: The pattern for each habit. All matches are counted, so a sentence can have several hits.
HABITS: Final[Mapping[str, re.Pattern[str]]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        # Counts `whoever calls` and `nobody reads it`, but `a user who registers` is a person.
        "people": (
            r"\b(?:whoever|whomever|nobody|everybody|anybody|somebody)\b"
            rf"|(?<!\w)(?:(?P<person>{_PERSON}),?\s+)?(?P<subject>who|whom)\b"
        ),
        # Counts `the port tells` and `asked for`, but not `if you know the id`.
        "speech": (
            r"\b(?:(?P<person>users?|people|operators?|readers?|developers?|you|we|i|let's)\s+"
            r"(?:(?:also|already|may|might|can|could|must|do|don't|will|would|should|not|to|want)\s+)*)?"
            r"(?P<subject>tells?|told|telling|says?|said|saying|asks?|asked|asking"
            r"|hears?|heard|hearing|knows?|knew|knowing)\b"
        ),
        # Counts `what is stored` (for `stored rows`), but not `what kind of` or questions.
        "what": (
            r"(?P<person>no\s+matter\s+)?"
            r"\b(?P<subject>what(?!'s\s+new\b|\s+(?:kinds?|types?|sorts?)\b)|whatever)\b"
        ),
        # Counts `where there is none` (for `if there is none`), but not `the folder where it is`.
        "where": (
            rf"(?P<person>\b(?:{_PLACE})\b[,\s]*)?"
            r"\b(?P<subject>wherever|where)\b(?!\(|\s+(?:clauses?|to)\b)"
        ),
        # Counts `is no object` and `has no limit`, but not `there is no order` or `no longer`.
        "no": (
            r"(?P<person>\bthere\s+)?"
            r"\b(?P<subject>(?:is|are|was|were|be|has|have|had|gives?|takes?|needs?|accepts?|sends?|costs?"
            r"|makes?|returns?|finds?|writes?|reads?|opens?|holds?|knows?)\s+no)\b"
            r"(?!\s+(?:longer|more|other|effect|idea)\b)"
        ),
        # `in vain`, `Redis alone` and `need not wait` are correct, but rarely used today.
        "dated": (
            r"\b(?:in\s+vain|beside|just\s+now|excepted|thereof|upon|anew|at\s+once|need\s+not|till)\b"
            r"|\b\w+\s+alone\b(?=[.,;:)]|\s+(?:and|is|are|can|may|has|have)\b)"
        ),
        "so that": r"\bso\s+that\b",
        "semicolon": r";(?!\w)",
    }.items()
}

_CODE: Final = re.compile(
    r"^(?P<fence>```+|~~~+).*?^(?P=fence)[ \t]*$"  # a fenced block
    r"|``.+?``|:[\w:]+:`[^`]+`|`[^`]+`"  # inline code and reST roles
    r"|<!--.*?-->|https?://\S+|\]\([^)\s]*\)"  # Markdown comments and addresses
    r"|^[ \t]*(?:>>>|\.\. ).*$",  # doctests, directives
    re.DOTALL | re.MULTILINE,
)
_WORD: Final = re.compile(r"[^\W\d_][\w'-]*")
_PRAGMA: Final = re.compile(r"#\s*(?:noqa|type:|pragma|mypy:|ruff:|!|-\*-|fmt:)")
_SKIPPED: Final = {"var", "dist", "build", "node_modules", "__pycache__"}


@dataclass(frozen=True)
class Passage:
    """A docstring, a block of comments or a document, and the line it starts on."""

    text: str
    line: int


@dataclass(frozen=True)
class Hit:
    """A place where a habit was found."""

    habit: str
    path: Path
    line: int
    excerpt: str


@dataclass(frozen=True)
class Found:
    """A file's word count and hits."""

    path: Path
    words: int
    hits: tuple[Hit, ...]


def passages(path: Path) -> Iterator[Passage]:
    """Yield the prose in a Python or Markdown file, with code blanked out."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield Passage(_without_code(text), 1)
        return
    for passage in (*_docstrings(text), *_comments(text)):
        yield Passage(_without_code(passage.text), passage.line)


def examine(path: Path) -> Found:
    """Count a file's words and find its habits."""
    prose = list(passages(path))
    return Found(
        path=path,
        words=sum(len(_WORD.findall(passage.text)) for passage in prose),
        hits=tuple(hit for passage in prose for hit in _hits(path, passage)),
    )


def files(roots: Iterable[Path]) -> Iterator[Path]:
    """Yield the Python and Markdown files in `roots`, except environments and Russian pages."""
    for root in roots:
        if root.is_file():
            yield root
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(
                each for each in folders if not each.startswith(".") and each not in _SKIPPED
            )
            for path in (Path(folder, name) for name in sorted(names)):
                if path.suffix in {".py", ".md"} and not path.match("*.ru.md"):
                    yield path


def _docstrings(text: str) -> Iterator[Passage]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text)), lineno=line):
                yield Passage(text, line)
            case _:
                pass


def _comments(text: str) -> Iterator[Passage]:
    """Yield comments, joining consecutive lines because sentences may span several of them."""
    run: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT or _PRAGMA.match(token.string):
            continue
        line = token.start[0]
        if run and line != last + 1:
            yield Passage("\n".join(run), last - len(run) + 1)
            run = []
        run.append(token.string.lstrip("#: "))
        last = line
    if run:
        yield Passage("\n".join(run), last - len(run) + 1)


def _without_code(text: str) -> str:
    """Blank out code and addresses, but keep line breaks (and therefore line numbers)."""
    return _CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def _hits(path: Path, passage: Passage) -> Iterator[Hit]:
    for habit, pattern in HABITS.items():
        for match in pattern.finditer(passage.text):
            groups = match.groupdict()
            if groups.get("person") or (habit == "what" and _is_question(passage.text, match)):
                continue
            at = match.start("subject") if groups.get("subject") else match.start()
            line = passage.line + passage.text.count("\n", 0, at)
            excerpt = " ".join(passage.text[max(0, at - 30) : at + 45].split())
            yield Hit(habit, path, line, excerpt)


def _is_question(text: str, match: re.Match[str]) -> bool:
    rest = re.search(r"[.?!:](?:\s|$)|\n\s*\n", text[match.end() :])
    return rest is not None and rest[0].startswith("?")


def rate(found: Iterable[Found], habit: str) -> float:
    """Return a habit's hits per 1,000 words."""
    every = list(found)
    words = sum(each.words for each in every)
    hits = sum(hit.habit == habit for each in every for hit in each.hits)
    return 1000 * hits / words if words else 0.0


def table(found: Iterable[Found]) -> Iterator[str]:
    """Yield a line for each room (a top-level folder), then for all Python and all Markdown."""
    every = list(found)
    yield f"{'per 1,000 words':<24}{'words':>8}" + "".join(f"{habit:>10}" for habit in HABITS)
    rooms = sorted({_room(each.path) for each in every})
    for room in rooms:
        yield _row(room, [each for each in every if _room(each.path) == room])
    for kind, suffix in (("all Python", ".py"), ("all Markdown", ".md")):
        yield _row(kind, [each for each in every if each.path.suffix == suffix])
    yield ""
    worst = Counter({each.path: len(each.hits) for each in every if each.hits})
    for path, hits in worst.most_common(10):
        yield f"{hits:>5} in {path}"


def _room(path: Path) -> str:
    folder = path.parent.parts[:1]
    return "/".join(folder) if folder else f"*{path.suffix}"


def _row(name: str, found: list[Found]) -> str:
    words = sum(each.words for each in found)
    return f"{name:<24}{words:>8}" + "".join(f"{rate(found, habit):>10.1f}" for habit in HABITS)


def excesses(found: Iterable[Found], limit: float) -> Iterator[str]:
    """Yield a line for each habit that exceeds the limit in all Python or in all Markdown."""
    every = list(found)
    for kind, suffix in (("Python", ".py"), ("Markdown", ".md")):
        for habit in HABITS:
            count = rate((each for each in every if each.path.suffix == suffix), habit)
            if count > limit:
                yield f"{kind}: {count:.1f} of '{habit}' per 1,000 words; at most {limit} pass."


def main(arguments: list[str] | None = None) -> None:
    """Print the counts (or the hits). Exit with 1 if a count exceeds the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="files or folders (default: all)")
    parser.add_argument("--list", action="store_true", help="print every hit with its line")
    parser.add_argument("--limit", type=float, default=LIMIT, help="hits per 1,000 words that pass")
    options = parser.parse_args(arguments)
    found = [examine(path) for path in files(options.paths or [Path()])]
    if options.list:
        for hit in (hit for each in found for hit in sorted(each.hits, key=lambda hit: hit.line)):
            sys.stdout.write(f"{hit.path}:{hit.line}: {hit.habit}: … {hit.excerpt} …\n")
        return
    sys.stdout.writelines(f"{line}\n" for line in table(found))
    if faults := list(excesses(found, options.limit)):
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
