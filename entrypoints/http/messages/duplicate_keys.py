"""Find duplicate keys in JSON objects. Most parsers silently keep only one of them."""

import json
from collections import Counter
from typing import Any, Final

import msgspec

from domain.errors import Path

#: The depth of an item's attributes. Anything deeper is rejected anyway, as a wrong type.
_MAX_DEPTH: Final = 3


def may_have_duplicate_keys(raw: bytes) -> bool:
    """Return whether the well-formed JSON `raw` may have a duplicate key.

    Decoding keeps only one of them, so encoding the result again has fewer quotation marks. This
    takes a fifth of the time of `duplicate_keys`. It can have false positives (escaped characters,
    huge numbers), but not false negatives.
    """
    if b"\\" in raw:
        return True
    try:
        without_duplicates = msgspec.json.encode(msgspec.json.decode(raw))
    except (msgspec.MsgspecError, RecursionError):
        return True
    return raw.count(b'"') != without_duplicates.count(b'"')


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
