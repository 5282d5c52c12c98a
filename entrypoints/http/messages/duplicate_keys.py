"""Find duplicate keys in JSON objects. Most parsers silently keep only one of them."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec
from msgspec.inspect import Field, ListType, StructType, type_info

from domain.errors import Path

#: The depth of an item's attributes. Anything deeper is rejected anyway, as a wrong type.
_MAX_DEPTH: Final = 3


def may_have_duplicate_keys(raw: bytes, body: msgspec.Struct) -> bool:
    """Return whether `raw`, which has been decoded into `body`, may have a duplicate key.

    This test is fast, so most bodies only have to be parsed once. It can have false positives, but
    not false negatives.
    """
    names = _names_of(type(body))
    objects = 1 + sum(len(getattr(body, name)) for name in names.lists)
    # Keys may contain escapes, and there may be braces in strings or in unknown fields.
    if b"\\" in raw or not raw.count(b"{") == raw.count(b"}") == objects:
        return True
    _, around, *elements = raw.split(b"{")
    for element in elements:
        inside, _, behind = element.partition(b"}")
        if _has_duplicate(inside, names.of_elements):
            return True
        around += behind
    return _has_duplicate(around, names.of_body)


def _has_duplicate(text: bytes, names: tuple[bytes, ...]) -> bool:
    return any(text.count(name) > 1 for name in names)


def duplicate_keys(raw: bytes) -> list[Path]:
    """Return the path of each duplicate key in the well-formed JSON `raw`.

    Raises:
        RecursionError: it is nested too deeply.
    """
    found: list[Path] = []
    value = json.loads(raw, object_pairs_hook=_object, parse_int=str, parse_float=str)
    _collect(value, (), found)
    return found


class _ObjectWithDuplicates(dict[str, Any]):
    """An object in which the keys in `names` were duplicated."""

    names: tuple[str, ...]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    found = _ObjectWithDuplicates(members)
    times = Counter(name for name, _ in pairs)
    found.names = tuple(name for name in members if times[name] > 1)
    return found


def _collect(value: object, path: Path, found: list[Path]) -> None:
    if isinstance(value, _ObjectWithDuplicates):
        found += ((*path, name) for name in value.names)
    if len(path) >= _MAX_DEPTH:
        return
    if isinstance(value, dict):
        for name, member in value.items():
            _collect(member, (*path, name), found)
    if isinstance(value, list):
        for index, element in enumerate(value):
            _collect(element, (*path, index), found)


@dataclass(frozen=True, slots=True)
class _Names:
    """The keys of a schema, and of the elements in its lists, as they look in JSON."""

    of_body: tuple[bytes, ...]
    of_elements: tuple[bytes, ...]
    lists: tuple[str, ...]


@cache
def _names_of(schema: type[msgspec.Struct]) -> _Names:
    fields = _struct(type_info(schema)).fields
    lists = {each.name: each.type for each in fields if isinstance(each.type, ListType)}
    elements = [_struct(each.item_type) for each in lists.values()]
    return _Names(
        _written(fields),
        _written(each for element in elements for each in element.fields),
        tuple(lists),
    )


def _written(fields: Iterable[Field]) -> tuple[bytes, ...]:
    return tuple(b'"%s"' % each.encode_name.encode() for each in fields)


def _struct(info: object) -> StructType:
    if not isinstance(info, StructType):
        raise TypeError("a body must be an object, with lists of objects only")
    return info
