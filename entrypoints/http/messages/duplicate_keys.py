"""Members that a JSON object names twice: most readers keep one and drop the rest in silence."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec
from msgspec.inspect import Field, ListType, StructType, type_info

#: The attributes of an item: what is deeper is refused for being there at all.
_DEEPEST: Final = 3

Path = tuple[str | int, ...]


def may_repeat(raw: bytes, body: msgspec.Struct) -> bool:
    """Whether `raw`, which `body` was decoded from, may name a member twice.

    A quick look with false alarms and no other mistakes: most bodies need no second reading.
    """
    names = _names_of(type(body))
    objects = 1 + sum(len(getattr(body, name)) for name in names.lists)
    # A name may be spelled in two ways, and braces may be a text's or of members that the shape
    # does not know.
    if b"\\" in raw or not raw.count(b"{") == raw.count(b"}") == objects:
        return True
    _, around, *elements = raw.split(b"{")
    for element in elements:
        inside, _, behind = element.partition(b"}")
        if _repeats(inside, names.of_elements):
            return True
        around += behind
    return _repeats(around, names.of_body)


def _repeats(text: bytes, names: tuple[bytes, ...]) -> bool:
    return any(text.count(name) > 1 for name in names)


def repeated(raw: bytes) -> list[Path]:
    """Where the well-formed JSON `raw` names a member that its object has already.

    Raises:
        RecursionError: it is nested too deeply.
    """
    found: list[Path] = []
    _collect(json.loads(raw, object_pairs_hook=_object, parse_int=str, parse_float=str), (), found)
    return found


class _Repeating(dict[str, Any]):
    """An object that has `names` more than once."""

    names: tuple[str, ...]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    found = _Repeating(members)
    times = Counter(name for name, _ in pairs)
    found.names = tuple(name for name in members if times[name] > 1)
    return found


def _collect(value: object, path: Path, found: list[Path]) -> None:
    if isinstance(value, _Repeating):
        found += ((*path, name) for name in value.names)
    if len(path) >= _DEEPEST:
        return
    if isinstance(value, dict):
        for name, member in value.items():
            _collect(member, (*path, name), found)
    if isinstance(value, list):
        for index, element in enumerate(value):
            _collect(element, (*path, index), found)


@dataclass(frozen=True, slots=True)
class _Names:
    """The members of a shape and of the elements of its lists, as JSON writes them."""

    of_body: tuple[bytes, ...]
    of_elements: tuple[bytes, ...]
    lists: tuple[str, ...]


@cache
def _names_of(shape: type[msgspec.Struct]) -> _Names:
    fields = _struct(type_info(shape)).fields
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
        raise TypeError("bodies are objects, and hold arrays of objects only")
    return info
