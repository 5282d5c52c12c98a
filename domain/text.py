"""Texts that a person or a program gave us."""

import re
from typing import Final

from domain.errors import Invalid

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def parse_text(value: object, minimum: int, maximum: int) -> str:
    """A text of `minimum` to `maximum` characters (code points) that PostgreSQL can keep.

    Raises:
        Invalid: it is no text, too short, too long, or holds NUL or half a character.
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
