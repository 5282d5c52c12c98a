"""Valid requests for every operation of the OpenAPI document, so new routes are always included."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import UUID

from tests.fuzz.wire import Header, Request

FORM: Final = "application/x-www-form-urlencoded"
METHODS: Final = ("get", "post", "put", "patch", "delete")
#: The chance that a request has a certain optional parameter.
_USED: Final = 0.3

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the document, with its references resolved."""

    method: str
    path: str
    parameters: Sequence[Mapping[str, Any]]
    media_type: str
    bodies: Sequence[Any]
    takes_password: bool

    def request(self, chance: Random, known: Mapping[str, Sequence[str]]) -> Request:
        """Return a valid request. `known` has existing ids by the name of the path parameter."""
        path = self.path
        query: list[tuple[str, str]] = []
        headers: list[Header] = []
        for parameter in self.parameters:
            name, where = parameter["name"], parameter["in"]
            if where == "path":
                values = known.get(name) or (_value(chance, parameter),)
                path = path.replace(f"{{{name}}}", quote(chance.choice(values), safe=""))
            elif chance.random() >= _USED:
                continue
            elif where == "query":
                query.append((name, _value(chance, parameter)))
            else:
                headers.append((name.lower().encode(), _value(chance, parameter).encode()))
        target = f"{path}?{urlencode(query)}" if query else path
        if self.media_type:
            headers.append((b"content-type", self.media_type.encode()))
        return Request(
            self.method.upper().encode(), target.encode(), tuple(headers), self._body(chance)
        )

    def _body(self, chance: Random) -> bytes:
        if not self.bodies:
            return b""
        body = chance.choice(self.bodies)
        text = urlencode(body) if self.media_type == FORM else json.dumps(body)
        return text.encode()


def operations_of(document: Document) -> list[Operation]:
    """Return every operation of the document."""
    return [
        _operation(document, method, path, item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


def resolved(document: Document, part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part that a reference (`$ref`) points to, or `part` itself."""
    reference = part.get("$ref")
    if reference is None:
        return part
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return resolved(document, found)


def _operation(document: Document, method: str, path: str, item: Mapping[str, Any]) -> Operation:
    content: Mapping[str, Mapping[str, Any]] = item.get("requestBody", {}).get("content", {})
    media_type = next(iter(content), "")
    described = content.get(media_type, {})
    schema = resolved(document, described.get("schema", {}))
    return Operation(
        method,
        path,
        [resolved(document, each) for each in item.get("parameters", ())],
        media_type,
        [each["value"] for each in described.get("examples", {}).values()],
        takes_password=any("password" in name for name in schema.get("properties", {})),
    )


def _value(chance: Random, parameter: Mapping[str, Any]) -> str:
    """Return a value that the parameter's schema allows."""
    if "example" in parameter:
        return str(parameter["example"])
    schema = parameter["schema"]
    schema = schema.get("items", schema)
    match schema:
        case {"enum": values}:
            return str(chance.choice(values))
        case {"format": "uuid"}:
            return str(UUID(int=chance.getrandbits(128)))
        case {"format": "date-time"}:
            return f"20{chance.randrange(10, 90)}-01-31T12:00:00Z"
        case {"type": "integer"}:
            return str(chance.randint(schema.get("minimum", 0), schema.get("maximum", 1000)))
    return chance.choice(("a", '"v1"', "*", "x" * 43))
