"""Rules that every response must follow, no matter what the request was."""

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
#: Problem codes that the server returns before routing.
_SERVER_CODES: Final = tuple(row_of(error).code.encode() for error in REFUSED_BY_SERVER)
_SERVER_STATUSES: Final = {row_of(error).status for error in REFUSED_BY_SERVER}
ERROR_LOCATIONS: Final = {"pointer", "parameter", "header"}
#: The end of the path. Most clients don't send fragments, but the fuzzer may.
_END_OF_PATH: Final = re.compile(rb"[?#]")


class Judge:
    """Check responses, including against the OpenAPI document if there is one."""

    def __init__(self) -> None:
        document = _document()
        self._paths = {_pattern(path): item for path, item in document.get("paths", {}).items()}

    def complaints(self, request: Request, answer: Answer | None) -> Iterator[str]:
        """Yield every fault in the response."""
        if answer is None:
            yield "no answer"
        else:
            yield from _check_headers(request, answer)
            if answer.status >= 400:
                yield from _check_problem(request, answer)
            if not _is_from_the_server(request, answer):
                yield from self._check_document(request, answer.status)

    def _check_document(self, request: Request, status: int) -> Iterator[str]:
        path = _path(request.target)
        method = request.method.decode("latin-1").lower()
        method = "get" if method == "head" else method
        operations = [item for pattern, item in self._paths.items() if pattern.fullmatch(path)]
        if method == "options" or not operations:
            return
        documented = {
            code for item in operations if method in item for code in item[method]["responses"]
        }
        if documented and str(status) not in documented and status != 404:
            yield f"{status} is not documented"


def _is_from_the_server(request: Request, answer: Answer) -> bool:
    """Return whether the server rejected the request before routing. Routes don't document these
    problems.
    """
    if request.method == b"HEAD":  # the response doesn't have a body, so there is no code
        return answer.status in _SERVER_STATUSES
    return any(b'"code":"%s"' % code in answer.body for code in _SERVER_CODES)


def _check_headers(request: Request, answer: Answer) -> Iterator[str]:
    if answer.status >= 500 and not _is_from_the_server(request, answer):
        yield f"a {answer.status}"
    if not answer.headers.get("x-request-id"):
        yield "no X-Request-Id"
    if answer.headers.get("x-content-type-options") != "nosniff":
        yield "no nosniff"
    if answer.headers.get("content-type") == "application/json" and answer.body:
        try:
            json.loads(answer.body)
        except ValueError:
            yield "invalid JSON"


def _check_problem(request: Request, answer: Answer) -> Iterator[str]:
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
        yield "a 422 without errors"
    for error in problem.get("errors", []):
        if not (
            error.get("detail") and error.get("code") and len(ERROR_LOCATIONS & error.keys()) == 1
        ):
            yield "an error without a description"


def _path(target: bytes) -> str:
    """Return the decoded path, with repeated slashes merged and trailing ones removed."""
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
