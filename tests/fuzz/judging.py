"""What an answer must be, whatever was asked."""

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from entrypoints.http.openapi.examples import REFUSED_BY_SERVER
from entrypoints.http.problems.lookup import row_of
from tests.fuzz.wire import Answer, Request

MEMBERS: Final = ("type", "title", "detail", "instance", "code")
#: The codes of refusals that belong to no route.
_OF_THE_SERVER: Final = tuple(row_of(error).code.encode() for error in REFUSED_BY_SERVER)
_STATUSES_OF_THE_SERVER: Final = {row_of(error).status for error in REFUSED_BY_SERVER}
PLACES: Final = {"pointer", "parameter", "header"}
#: Where a path ends; a client keeps the fragment to itself, a strange one does not.
_END_OF_PATH: Final = re.compile(rb"[?#]")


class Judge:
    """Finds what is wrong with answers, the API's document in hand where there is one."""

    def __init__(self) -> None:
        document = _document()
        self._paths = {_pattern(path): item for path, item in document.get("paths", {}).items()}

    def complaints(self, request: Request, answer: Answer | None) -> Iterator[str]:
        """Everything that is wrong with the answer."""
        if answer is None:
            yield "no answer"
        else:
            yield from _about_the_headers(request, answer)
            if answer.status >= 400:
                yield from _about_the_problem(request, answer)
            if not _is_the_servers_own(request, answer):
                yield from self._about_the_document(request, answer.status)

    def _about_the_document(self, request: Request, status: int) -> Iterator[str]:
        path = _path(request.target)
        method = request.method.decode("latin-1").lower()
        method = "get" if method == "head" else method
        described = [item for pattern, item in self._paths.items() if pattern.fullmatch(path)]
        if method == "options" or not described:
            return
        known = {code for item in described if method in item for code in item[method]["responses"]}
        if known and str(status) not in known and status != 404:
            yield f"{status} is not documented"


def _is_the_servers_own(request: Request, answer: Answer) -> bool:
    """Whether the server refused the bytes: no route documents that, for none was looked for."""
    if request.method == b"HEAD":  # its answers have no body to tell them by
        return answer.status in _STATUSES_OF_THE_SERVER
    return any(b'"code":"%s"' % code in answer.body for code in _OF_THE_SERVER)


def _about_the_headers(request: Request, answer: Answer) -> Iterator[str]:
    if answer.status >= 500 and not _is_the_servers_own(request, answer):
        yield f"a {answer.status}"
    if not answer.headers.get("x-request-id"):
        yield "no X-Request-Id"
    if answer.headers.get("x-content-type-options") != "nosniff":
        yield "no nosniff"
    if answer.headers.get("content-type") == "application/json" and answer.body:
        try:
            json.loads(answer.body)
        except ValueError:
            yield "its JSON is none"


def _about_the_problem(request: Request, answer: Answer) -> Iterator[str]:
    if answer.headers.get("content-type") != "application/problem+json":
        yield f"a {answer.status} that is no problem"
        return
    if request.method == b"HEAD":
        return
    try:
        problem = json.loads(answer.body)
    except ValueError:
        yield "a problem that is no JSON"
        return
    if problem.get("status") != answer.status:
        yield "a problem of another status"
    for member in MEMBERS:
        if not (isinstance(problem.get(member), str) and problem[member]):
            yield f"a problem without {member}"
    if answer.status == 422 and not problem.get("errors"):
        yield "a 422 that names nothing"
    for error in problem.get("errors", []):
        if not (error.get("detail") and error.get("code") and len(PLACES & error.keys()) == 1):
            yield "a fault that is not described"


def _path(target: bytes) -> str:
    """The path as the service sees it: unquoted, its slashes single and none at the end."""
    return re.sub("/+", "/", unquote(_END_OF_PATH.split(target)[0].decode("latin-1"))).rstrip("/")


def _pattern(path: str) -> "re.Pattern[str]":
    escaped = re.sub(r"\\\{[^}]*\}", "[^/]+", re.escape(path.rstrip("/")))
    return re.compile(escaped)


def _document() -> Mapping[str, Any]:
    try:
        committed = importlib.import_module("entrypoints.http.openapi.committed")
        document: Mapping[str, Any] = json.loads(committed.committed_text())
    except (ImportError, AttributeError):
        return {}
    return document
