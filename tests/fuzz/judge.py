"""Rules that every response must follow, no matter what the request was."""

import json
from collections.abc import Iterator
from typing import Final

from entrypoints.http.openapi.examples import REFUSED_BY_SERVER
from entrypoints.http.problems.lookup import row_of
from tests.fuzz.contract import Contract
from tests.fuzz.operations import Document
from tests.fuzz.wire import Answer, Request

MEMBERS: Final = ("type", "title", "detail", "instance", "code")
#: Problem codes that the server returns before routing.
_SERVER_CODES: Final = tuple(row_of(error).code.encode() for error in REFUSED_BY_SERVER)
_SERVER_STATUSES: Final = {row_of(error).status for error in REFUSED_BY_SERVER}
ERROR_LOCATIONS: Final = {"pointer", "parameter", "header"}
#: Codes of a 422 that isn't about a single value, so it doesn't have `errors`.
_VALID: Final = ("idempotency-key-reused",)
#: Roles that must not see the owner's data.
_STRANGERS: Final = ("anonymous", "other user", "disposable user")


class Judge:
    """Check responses against common rules and the OpenAPI document.

    `owner_id` is the account whose data must not be in a response to other users.
    """

    def __init__(self, document: Document, owner_id: str = "") -> None:
        self.contract = Contract(document)
        self._owner_id = owner_id.encode()

    def complaints(self, request: Request, answer: Answer | None) -> Iterator[str]:
        """Yield every fault in the response."""
        if answer is None:
            yield "no answer"
            return
        yield from _check_headers(request, answer)
        if answer.status >= 400:
            yield from _check_problem(request, answer)
        elif request.role in _STRANGERS and self._owner_id and self._owner_id in answer.body:
            yield f"data of another user in a {answer.status} to {request.role}"
        yield from self.contract.complaints(request, answer)


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
    if "frame-ancestors 'none'" not in answer.headers.get("content-security-policy", ""):
        yield "frames are allowed"
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
    if answer.status == 422 and not problem.get("errors") and problem.get("code") not in _VALID:
        yield "a 422 without errors"
    for error in problem.get("errors", []):
        if not (
            error.get("detail") and error.get("code") and len(ERROR_LOCATIONS & error.keys()) == 1
        ):
            yield "an error without a description"
