"""Strings of an input."""

import re
from typing import Final

from domain.errors import Invalid

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def parse_text(value: object, minimum: int, maximum: int) -> str:
    """Return a string of `minimum` to `maximum` code points that PostgreSQL can store.

    Raises:
        Invalid: the value is no string, too short or too long, or has a NUL or a lone surrogate.
    """
    if not isinstance(value, str):
        raise Invalid.value("wrong-type", "Must be a string.")
    if not minimum <= len(value) <= maximum:
        raise Invalid.value(
            "wrong-length", f"Must have {minimum} to {maximum} characters; it has {len(value)}."
        )
    if "\0" in value:
        raise Invalid.value("nul-character", "Must not contain the NUL character.")
    if not value.isascii() and _SURROGATE.search(value):
        raise Invalid.value("lone-surrogate", "Must not contain half of a surrogate pair.")
    return value
