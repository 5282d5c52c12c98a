"""The OpenAPI document of the API, made from the table of operations.

Litestar's own generation is off: the handlers read raw requests and answer ready bytes, and the
document is to say exactly what is answered (`docs/adr/0004-one-table-of-operations.md`).
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from inspect import cleandoc
from typing import Any, Final

import msgspec
from litestar.handlers import HTTPRouteHandler

from domain.errors import OrderServiceError
from entrypoints.http.about import NAME, VERSION
from entrypoints.http.messages.schemas import Problem
from entrypoints.http.openapi.examples import ADA, ORDER_ID, REFUSED_BY_SERVER
from entrypoints.http.openapi.headers import COMMON, HEADERS, LIMITED, OF_REFUSALS, OF_STATUS
from entrypoints.http.openapi.operations import OPERATIONS, Answer, Body, Operation
from entrypoints.http.openapi.parameters import PARAMETERS
from entrypoints.http.openapi.schemas import Schema, schemas_of
from entrypoints.http.problems.catalogue import ENTRY_OF
from entrypoints.http.problems.errors import MethodNotAllowed, NoSuchRoute, PreflightRefused
from entrypoints.http.problems.responses import MEDIA_TYPE, problem_of

_DESCRIPTION: Final = """\
Accounts, orders with a strict lifecycle, and the events that follow from them.

To try it here: `POST /register/`, then **Authorize** with that address and password.

**Every path** works with and without its trailing slash, and answers `HEAD` as it answers `GET`,
without the body. Any other method is `405` with `Allow`, any other path `404`, both with a problem.

**Money** is a JSON number with exactly the currency's digits; it is read from a number or a decimal
text by its exact value. **Moments** are RFC 3339 in UTC. **Ids** are UUIDs of version 7.

**Unknown names** are refused with `422` and the nearest known name: fields of a JSON body and
parameters of a query, and a parameter that is given twice. Forms ignore unknown fields (RFC 6749);
probes and pages ignore parameters.

**What goes wrong** is told as `application/problem+json` (RFC 9457). Branch on `code`; `type` leads
to a page that explains it; `errors` names every invalid value, not just the first. Where several
things are wrong, the first of these is told: the route, the limit of your address, the token, your
own limit, the content type, the size, the syntax, the values, and then what the order says.

**The connection**: the head of a request may have 64 KiB and must arrive within 10 seconds, its
body within 30 seconds. An offer to upgrade is ignored. Bodies have no `Content-Encoding`. The
refusal of a request that is no well-formed HTTP/1.1 closes the connection.

**Limits**: the answers of limited routes say how much is left, in `RateLimit-Limit`,
`RateLimit-Remaining` and `RateLimit-Reset`, and in the structured fields `RateLimit-Policy` and
`RateLimit` (draft-ietf-httpapi-ratelimit-headers-11). A limited request is `429` with
`Retry-After`.

**Browsers**: pages of the origins in the setting `CORS_ORIGINS` may call the API. `OPTIONS` answers
with `Allow`.
"""

_TAGS: Final = {
    "Accounts": "Who you are.",
    "Orders": "Placing, reading and changing orders.",
    "Operations": "For those who run the service.",
    "Documents": "What describes the API.",
}


@lru_cache(maxsize=4)
def document_text(prefix: str = "") -> str:
    """The document as JSON to be read by people too: the same text every time."""
    return f"{json.dumps(document(prefix), indent=2)}\n"


def document(prefix: str = "") -> dict[str, Any]:
    """The document; `prefix` is the path prefix that clients put before every path."""
    return {
        "openapi": "3.1.0",
        **({"servers": [{"url": prefix}]} if prefix else {}),
        "info": {
            "title": NAME,
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"account": _security(prefix)},
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "responses": _of_any_address(),
            "schemas": _schemas()[1],
        },
    }


def _security(prefix: str) -> dict[str, Any]:
    return {
        "type": "oauth2",
        "description": "Your e-mail address as the user name, and your password.",
        "flows": {"password": {"tokenUrl": f"{prefix}/token/", "scopes": {}}},
    }


def _schema(shape: Any) -> Schema:
    return _schemas()[0][shape]


@cache
def _schemas() -> tuple[dict[Any, Schema], dict[str, Schema]]:
    return schemas_of(_shapes())


def _shapes() -> tuple[Any, ...]:
    bodies = [operation.body.shape for operation in OPERATIONS if operation.body]
    answers = [answer.shape for operation in OPERATIONS for answer in operation.answers]
    return tuple(dict.fromkeys(shape for shape in (*bodies, *answers, Problem) if shape))


def _paths() -> dict[str, Any]:
    paths: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for operation in OPERATIONS:
        paths[operation.path][operation.method.lower()] = _operation(operation)
    return dict(paths)


def _operation(operation: Operation) -> dict[str, Any]:
    summary = cleandoc(operation.handler.fn.__doc__ or "").partition("\n")[0].rstrip(".")
    described: dict[str, Any] = {
        "operationId": _name(operation.handler),
        "tags": [operation.tag],
        "summary": summary,
        "parameters": [_ref("parameters", name) for name in (*operation.parameters, "RequestId")],
        "responses": _responses(operation),
        "security": [{"account": []}] if operation.needs_token else [],
    }
    if operation.more:
        described["description"] = operation.more
    if operation.body:
        described["requestBody"] = _request_body(operation.body)
    return described


def _request_body(body: Body) -> dict[str, Any]:
    content = {"schema": _schema(body.shape), "examples": _examples(body.examples)}
    return {"required": True, "content": {body.media_type: content}}


def _responses(operation: Operation) -> dict[str, Any]:
    common = (*COMMON, *(LIMITED if operation.is_limited else ()))
    found: dict[int, dict[str, Any]] = {}
    for each in operation.answers:
        described = _answer(each, common)
        if each.status in found:  # another representation
            found[each.status]["content"] |= described["content"]
        else:
            found[each.status] = described
    refusals: defaultdict[int, list[OrderServiceError]] = defaultdict(list)
    for refusal in operation.refusals:
        refusals[ENTRY_OF[refusal.code].status].append(refusal)
    for status, errors in refusals.items():
        found[status] = _problem(status, errors, _example_path(operation), common)
    return {str(status): found[status] for status in sorted(found)}


def _answer(answer: Answer, common: Iterable[str]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": answer.description,
        "headers": _headers((*answer.headers, *common)),
    }
    if answer.shape:
        content = {"schema": _schema(answer.shape)}
        if answer.examples:
            content["examples"] = _examples(answer.examples)
        described["content"] = {answer.media_type: content}
    if answer.links:
        described["links"] = {_name(handler): _link(handler) for handler in answer.links}
    return described


def _problem(
    status: int,
    errors: Iterable[OrderServiceError],
    path: str,
    common: Iterable[str],
) -> dict[str, Any]:
    """What all the refusals with one status have in common, and an example of each of them."""
    problems = [problem_of(error, path) for error in errors]
    titles = {each.code: each.title for each in problems}
    content = {"schema": _schema(Problem), "examples": _examples(_named(problems))}
    return {
        "description": "\n\n".join(f"`{code}`: {title}." for code, title in titles.items()),
        "headers": _headers((*OF_STATUS.get(status, ()), *OF_REFUSALS, *common)),
        "content": {MEDIA_TYPE: content},
    }


def _named(problems: Iterable[Problem]) -> dict[str, Problem]:
    """Each problem under its code; a code's further ones under its code and a number."""
    named: dict[str, Problem] = {}
    for problem in problems:
        alike = sum(each.code == problem.code for each in named.values())
        named[f"{problem.code}-{alike + 1}" if alike else problem.code] = problem
    return named


def _of_any_address() -> dict[str, Any]:
    """The refusals that belong to no operation: they are met where there is none."""
    return {
        type(error).__name__: _problem(ENTRY_OF[error.code].status, [error], path, COMMON)
        for error, path in (
            (NoSuchRoute(), "/order/"),
            (MethodNotAllowed(), "/me/"),
            (PreflightRefused("CORS_ORIGINS does not name this origin."), "/orders/"),
            *((error, "/") for error in REFUSED_BY_SERVER),
        )
    }


def _examples(examples: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"value": msgspec.to_builtins(each)} for name, each in examples.items()}


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name.partition(".")[0]: _ref("headers", name) for name in names}


def _link(handler: HTTPRouteHandler) -> dict[str, Any]:
    return {"operationId": _name(handler), "parameters": {"order_id": "$response.body#/id"}}


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _name(handler: HTTPRouteHandler) -> str:
    return handler.fn.__name__


def _example_path(operation: Operation) -> str:
    return operation.path.format(order_id=ORDER_ID, user_id=ADA, code="no-such-code")
