"""Generates the OpenAPI document from the routes' contracts.

Litestar's own generator is turned off (`docs/adr/0031-operations-on-handlers.md`). The service
does not run this code either. It sends the committed copy (`committed.py`).
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from domain.errors import OrderServiceError
from domain.scope import Scope
from entrypoints.http.about import NAME, VERSION
from entrypoints.http.errors import MethodNotAllowed, NoSuchRoute, PreflightRefused
from entrypoints.http.messages.schemas import Problem
from entrypoints.http.openapi.contract import Answer, Body
from entrypoints.http.openapi.examples import ADA, ORDER_ID, REFUSED_BY_SERVER, SESSION
from entrypoints.http.openapi.headers import COMMON, HEADERS, LIMITED, OF_REFUSALS, OF_STATUS
from entrypoints.http.openapi.operation import Operation, Routes, operations_of
from entrypoints.http.openapi.parameters import PARAMETERS
from entrypoints.http.openapi.schemas import Schema, schemas_of
from entrypoints.http.problems.documents import problem_of
from entrypoints.http.problems.lookup import row_of
from entrypoints.http.problems.responses import MEDIA_TYPE

_DESCRIPTION: Final = """\
Accounts, orders with a strict lifecycle, and the events that follow from them.

To try it here: `POST /register/`, then **Authorize** with that address and password.

**Every path** works with and without its trailing slash. `HEAD` returns the same
headers as `GET`, without a body. Any other method gets a `405` with `Allow`, and any other path
gets a `404`, both with a problem document.

**Money** is a JSON number with exactly as many decimal digits as its currency has. In requests, it
can also be a decimal string. Its value is read exactly. **Timestamps** are RFC 3339 in UTC. **Ids**
are version 7 UUIDs.

**Unknown names** of JSON fields and query parameters are refused with a `422` that suggests the
closest known name. A parameter may only be given once, unless it is a list. Forms ignore unknown
fields (RFC 6749). Health checks, metrics and pages ignore query parameters.

**Errors** are `application/problem+json` (RFC 9457). Branch on `code`. `type` links to a page about
it. `errors` lists every invalid value, not only the first. If a request has several faults, you
get the error of the first check that fails, in this order: route, rate limit of your address,
token, your own rate limit, content type, size, syntax, values, and the state of the order.

**The connection**: the head of a request may have at most 64 KiB and must arrive within 10 seconds,
and its body within 30 seconds. `Upgrade` is ignored. Request bodies may not have a
`Content-Encoding`. After a malformed HTTP/1.1 request, the service closes the connection.

**Rate limits**: responses from limited routes have `RateLimit-Limit`, `RateLimit-Remaining` and
`RateLimit-Reset`, and the structured fields `RateLimit-Policy` and `RateLimit`
(draft-ietf-httpapi-ratelimit-headers-11). A request over the limit gets `429` with `Retry-After`.

**Browsers**: pages from the origins in the `CORS_ORIGINS` setting may call the API. `OPTIONS`
returns `Allow`.
"""

_TAGS: Final = {
    "Accounts": "Registration, login, and your account.",
    "Orders": "Placing, reading and changing orders.",
    "Operations": "For operators: health checks and metrics.",
    "Documents": "Documentation of the API.",
}
_SCOPES: Final = {
    Scope.ORDERS_READ: "Read all orders and their histories.",
    Scope.ORDERS_STATUS: "Change the status of any order.",
}
_SECURITY: Final = {
    "account": {
        "type": "oauth2",
        "description": (
            "Your e-mail address as the user name, and your password. If the operator has chosen an"
            " outside issuer, its access tokens are accepted as well."
        ),
        "flows": {"password": {"tokenUrl": "/token/", "scopes": {}}},
    },
    "client": {
        "type": "oauth2",
        "description": "The id and the secret of a machine client, from `orders clients create`.",
        "flows": {"clientCredentials": {"tokenUrl": "/token/", "scopes": _SCOPES}},
    },
}

Schemas = Mapping[Any, Schema]


def document_text(routes: Iterable[Routes]) -> str:
    """Return the document as indented JSON. The text is deterministic."""
    return f"{json.dumps(document(routes), indent=2)}\n"


def document(routes: Iterable[Routes]) -> dict[str, Any]:
    """Return the document for a service without a path prefix."""
    operations = tuple(operations_of(routes))
    schemas, components = schemas_of(_types(operations))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": NAME,
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": _paths(operations, schemas),
        "components": {
            "securitySchemes": _SECURITY,
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "responses": _responses_of_any_address(schemas),
            "schemas": components,
        },
    }


def _types(operations: Iterable[Operation]) -> tuple[Any, ...]:
    """Return the distinct types of all bodies, starting with the request bodies."""
    contracts = [operation.contract for operation in operations]
    requests = [contract.body.type for contract in contracts if contract.body]
    responses = [answer.type for contract in contracts for answer in contract.answers]
    return tuple(dict.fromkeys(each for each in (*requests, *responses, Problem) if each))


def _paths(operations: Iterable[Operation], schemas: Schemas) -> dict[str, Any]:
    paths: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for operation in operations:
        paths[operation.path][operation.method.lower()] = _operation(operation, schemas)
    return dict(paths)


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    contract = operation.contract
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [_ref("parameters", name) for name in (*contract.parameters, "RequestId")],
        "responses": _responses(operation, schemas),
        "security": _security(operation),
    }
    if contract.description:
        described["description"] = contract.description
    if contract.body:
        described["requestBody"] = _request_body(contract.body, schemas)
    return described


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """Return the alternatives for authentication."""
    accounts = [{"account": list[str]()}] if operation.needs_token else []
    return accounts + ([{"client": [operation.scope.value]}] if operation.scope else [])


def _request_body(body: Body, schemas: Schemas) -> dict[str, Any]:
    content = {"schema": schemas[body.type], "examples": _examples(body.examples)}
    return {"required": True, "content": {body.media_type: content}}


def _responses(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    common = (*COMMON, *(LIMITED if operation.is_limited else ()))
    found: dict[int, dict[str, Any]] = {}
    for each in operation.contract.answers:
        described = _answer(each, common, schemas)
        if each.status in found:  # another representation
            found[each.status]["content"] |= described["content"]
        else:
            found[each.status] = described
    errors_of: defaultdict[int, list[OrderServiceError]] = defaultdict(list)
    for error in operation.errors:
        errors_of[row_of(error).status].append(error)
    for status, errors in errors_of.items():
        problems = [problem_of(error, _example_path(operation)) for error in errors]
        found[status] = _problem(status, problems, common, schemas)
    return {str(status): found[status] for status in sorted(found)}


def _answer(answer: Answer, common: Iterable[str], schemas: Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": answer.description,
        "headers": _headers((*answer.headers, *common)),
    }
    if answer.type:
        content = {"schema": schemas[answer.type]}
        if answer.examples:
            content["examples"] = _examples(answer.examples)
        described["content"] = {answer.media_type: content}
    if answer.links:
        described["links"] = {name: _link(name) for name in answer.links}
    return described


def _problem(
    status: int, problems: Iterable[Problem], common: Iterable[str], schemas: Schemas
) -> dict[str, Any]:
    """Return the response for all errors with the same status, with an example of each."""
    titles = {each.code: each.title for each in problems}
    content = {"schema": schemas[Problem], "examples": _examples(_named(problems))}
    return {
        "description": "\n\n".join(f"`{code}`: {title}." for code, title in titles.items()),
        "headers": _headers((*OF_STATUS.get(status, ()), *OF_REFUSALS, *common)),
        "content": {MEDIA_TYPE: content},
    }


def _named(problems: Iterable[Problem]) -> dict[str, Problem]:
    """Return the problems by code. If there are several with the same code, number them."""
    named: dict[str, Problem] = {}
    for problem in problems:
        alike = sum(each.code == problem.code for each in named.values())
        named[f"{problem.code}-{alike + 1}" if alike else problem.code] = problem
    return named


def _responses_of_any_address(schemas: Schemas) -> dict[str, Any]:
    """Return the responses to requests that do not reach an operation."""
    return {
        type(error).__name__: _problem(
            row_of(error).status, [problem_of(error, path)], COMMON, schemas
        )
        for error, path in (
            (NoSuchRoute(), "/order/"),
            (MethodNotAllowed(), "/me/"),
            (PreflightRefused("CORS_ORIGINS does not include this origin."), "/orders/"),
            *((error, "/") for error in REFUSED_BY_SERVER),
        )
    }


def _examples(examples: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"value": msgspec.to_builtins(each)} for name, each in examples.items()}


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name.partition(".")[0]: _ref("headers", name) for name in names}


def _link(name: str) -> dict[str, Any]:
    return {"operationId": name, "parameters": {"order_id": "$response.body#/id"}}


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _example_path(operation: Operation) -> str:
    return operation.path.format(
        order_id=ORDER_ID, user_id=ADA, session_id=SESSION.id, code="no-such-code"
    )
