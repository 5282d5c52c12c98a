"""Check responses against the OpenAPI document: status, media type, schema and headers."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

import jsonschema_rs

from tests.fuzz.operations import Document, resolved
from tests.fuzz.wire import Answer, Request

#: Headers about the connection and the form of the message, which OpenAPI doesn't describe.
_OF_HTTP: Final = frozenset(
    {"connection", "content-length", "content-type", "date", "server", "transfer-encoding"}
)
#: The end of the path. Most clients don't send fragments, but the fuzzer may.
_END_OF_PATH: Final = re.compile(rb"[?#]")
#: Static files of the documentation's page, which aren't operations.
_ASSETS: Final = "/docs/"


class Contract:
    """The responses that the document allows."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._strict = {"components": _strict(document["components"])}
        self._operations = [
            (_pattern(path), method, item[method])
            for path, item in document["paths"].items()
            for method in item
        ]
        self._anywhere = document["components"]["responses"]
        self._validators: dict[int, Any] = {}

    def complaints(self, request: Request, answer: Answer) -> Iterator[str]:
        """Yield every difference between the response and the document."""
        if request.method == b"OPTIONS" and answer.status < 400:
            return
        allowed = list(self._allowed(request, answer))
        if not allowed:
            if not _path(request.target).startswith(_ASSETS):
                yield f"{answer.status} is not documented"
            return
        found = [list(self._differences(each, request, answer)) for each in allowed]
        yield from min(found, key=len)

    def operation(self, request: Request) -> str:
        """Return the request's operation, such as `GET /orders/`, or an empty string."""
        return next((f"{item['operationId']}" for item in self._matching(request)), "")

    @property
    def operations(self) -> list[str]:
        """Every operation."""
        return [item["operationId"] for _, _, item in self._operations]

    def _matching(self, request: Request) -> Iterator[Mapping[str, Any]]:
        path, method = _path(request.target), request.method.decode("latin-1").lower()
        method = "get" if method == "head" else method
        for pattern, each, item in self._operations:
            if each == method and pattern.fullmatch(path):
                yield item

    def _allowed(self, request: Request, answer: Answer) -> Iterator[Mapping[str, Any]]:
        """Yield the documented responses with this status."""
        for item in self._matching(request):
            if str(answer.status) in item["responses"]:
                yield resolved(self._document, item["responses"][str(answer.status)])
        code = _code_of(answer)
        for described in self._anywhere.values():
            [(example, problem)] = _examples(described)
            if problem["status"] == answer.status and code in {example, None}:
                yield described

    def _differences(
        self, described: Mapping[str, Any], request: Request, answer: Answer
    ) -> Iterator[str]:
        yield from self._check_headers(described, answer)
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        content = described.get("content", {})
        if media_type not in content:
            if media_type or (content and request.method != b"HEAD"):
                yield f"{answer.status} with the type {media_type!r} is not documented"
        elif request.method != b"HEAD" and media_type.endswith("json"):
            yield from self._check_body(content[media_type]["schema"], answer)

    def _check_headers(self, described: Mapping[str, Any], answer: Answer) -> Iterator[str]:
        documented = {
            name.lower(): resolved(self._document, header)
            for name, header in described.get("headers", {}).items()
        }
        for name, header in documented.items():
            value = answer.headers.get(name)
            if value is None and header.get("required"):
                yield f"{answer.status} without {name}"
            elif value is not None and not self._fits(header["schema"], value):
                yield f"{name} has a value that is not documented"
        for name in answer.headers.keys() - documented.keys() - _OF_HTTP:
            yield f"{answer.status} with {name}, which is not documented"

    def _fits(self, schema: Mapping[str, Any], value: str) -> bool:
        typed = int(value) if schema.get("type") == "integer" and value.isdecimal() else value
        return bool(self._validator(schema).is_valid(typed))

    def _check_body(self, schema: Mapping[str, Any], answer: Answer) -> Iterator[str]:
        try:
            body = json.loads(answer.body)
        except ValueError:
            return  # another check complains
        for error in self._validator(schema).iter_errors(body):
            where = "/".join("*" if isinstance(step, int) else step for step in error.instance_path)
            yield f"{answer.status} does not fit its schema at /{where}: {error.kind.name}"

    def _validator(self, schema: Mapping[str, Any]) -> Any:
        """Return the validator of a schema in the document."""
        if id(schema) not in self._validators:
            root = {**_strict(schema), **self._strict}
            made = jsonschema_rs.Draft202012Validator(root, validate_formats=True)
            self._validators[id(schema)] = made
        return self._validators[id(schema)]


def _strict(part: Any) -> Any:
    """Return the schema without members that it doesn't list, at any depth."""
    if isinstance(part, list):
        return [_strict(each) for each in part]
    if not isinstance(part, dict):
        return part
    closed = {"additionalProperties": False} if "properties" in part else {}
    return closed | {name: _strict(each) for name, each in part.items()}


def _examples(described: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for content in described["content"].values():
        for name, example in content["examples"].items():
            yield name, example["value"]


def _code_of(answer: Answer) -> str | None:
    """Return the code of a problem, or None if there is no body (HEAD)."""
    try:
        code: str = json.loads(answer.body)["code"]
    except (ValueError, KeyError, TypeError):
        return None if not answer.body else ""
    return code


def _path(target: bytes) -> str:
    """Return the decoded path, with repeated slashes merged and trailing ones removed."""
    return re.sub("/+", "/", unquote(_END_OF_PATH.split(target)[0].decode("latin-1"))).rstrip("/")


def _pattern(path: str) -> "re.Pattern[str]":
    escaped = re.sub(r"\\\{[^}]*\}", "[^/]+", re.escape(path.rstrip("/")))
    return re.compile(escaped)
