"""Members that a JSON object names twice: most readers keep one and drop the rest in silence."""

import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec
from msgspec.inspect import ListType, StructType, type_info

#: The attributes of an item: what is deeper is refused for being there at all.
_DEEPEST: Final = 3

Path = tuple[str | int, ...]


def may_repeat(raw: bytes, body: msgspec.Struct) -> bool:
    """Whether `raw`, which `body` was decoded from, may name a member twice.

    A quick look with false alarms and no other mistakes: most bodies need no second reading.
    """
    names = _names_of(type(body))
    elements = sum(len(getattr(body, name)) for name in names.lists)
    return (
        b"\\" in raw  # a name may be spelled in two ways
        or raw.count(b"{") > 1 + elements  # members that the shape does not know
        or any(raw.count(name) > 1 for name in names.members)
    )


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

    members: tuple[bytes, ...]
    lists: tuple[str, ...]


@cache
def _names_of(shape: type[msgspec.Struct]) -> _Names:
    fields = _struct(type_info(shape)).fields
    lists = {each.name: each.type for each in fields if isinstance(each.type, ListType)}
    elements = [_struct(each.item_type) for each in lists.values()]
    members = [*fields, *(each for element in elements for each in element.fields)]
    return _Names(tuple(b'"%s"' % each.encode_name.encode() for each in members), tuple(lists))


def _struct(info: object) -> StructType:
    if not isinstance(info, StructType):
        raise TypeError("bodies are objects, and hold arrays of objects only")
    return info
