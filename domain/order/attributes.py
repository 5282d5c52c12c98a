"""Attributes of an order line."""

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Final

from domain.errors import Invalid
from domain.validation import ValidationErrors, parse_text

MAX_ATTRIBUTES: Final = 20
MAX_ATTRIBUTE_NAME: Final = 64
MAX_ATTRIBUTES_BYTES: Final = 2048
#: JSON parsers that use binary floats turn exponents beyond ±307 into infinity or zero. See RFC
#: 7493, section 2.2.
_LARGEST_EXPONENT: Final = 307

Attribute = str | int | Decimal | bool
Attributes = Mapping[str, Attribute]
NO_ATTRIBUTES: Final[Attributes] = MappingProxyType({})


def parse_attributes(value: object) -> Attributes:
    """Parse a line's attributes, a flat object with up to 20 strings, numbers or booleans.

    Raises:
        Invalid: the value is not an object, is nested, has too many members, or takes more than
            2 KiB as UTF-8 encoded JSON.
    """
    if not isinstance(value, Mapping):
        raise Invalid.value("wrong-type", "Must be an object.")
    if len(value) > MAX_ATTRIBUTES:
        raise Invalid.value("wrong-length", f"Must have at most {MAX_ATTRIBUTES} members.")
    errors = ValidationErrors()
    read = {
        name: errors.parse(partial(_attribute, name), each, name) for name, each in value.items()
    }
    errors.raise_if_any()
    attributes = {name: each for name, each in read.items() if each is not None}
    if _json_size(attributes) > MAX_ATTRIBUTES_BYTES:
        detail = f"Must take up at most {MAX_ATTRIBUTES_BYTES} bytes as JSON."
        raise Invalid.value("too-large", detail)
    return attributes


def _attribute(name: object, value: object) -> Attribute:
    parse_text(name, 1, MAX_ATTRIBUTE_NAME)
    if isinstance(value, str):
        return parse_text(value, 0, MAX_ATTRIBUTES_BYTES)
    if isinstance(value, bool):
        return value
    if not isinstance(value, int | Decimal):
        raise Invalid.value("wrong-type", "Must be a string, a number or a boolean.")
    number: Decimal = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise Invalid.value("out-of-range", "Must be a number within the range of a double.")
    return value


def _json_size(attributes: Attributes) -> int:
    text = json.dumps(attributes, ensure_ascii=False, separators=(",", ":"), default=str)
    quotes = sum(2 for value in attributes.values() if isinstance(value, Decimal))
    return len(text.encode()) - quotes
