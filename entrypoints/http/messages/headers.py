"""Reading request headers that may come on several lines (RFC 9110, section 5.3)."""

from collections import Counter
from typing import Any, Final

from entrypoints.http.errors import RepeatedHeader

_SEPARATOR: Final = b", "


def values_of(scope: Any, name: bytes) -> list[bytes]:
    """Return the value of each line of the header `name` (lower case), in their order."""
    return [value for key, value in scope["headers"] if key == name]


def joined(scope: Any, name: bytes) -> str | None:
    """Return a list header's value as if it had come on one line; None if it is absent."""
    values = values_of(scope, name)
    return _SEPARATOR.join(values).decode("latin-1") if values else None


def single(scope: Any, name: bytes) -> str | None:
    """Return the value of a header that is no list; None if it is absent.

    Raises:
        RepeatedHeader: it is on several lines, so that two readers may choose differently.
    """
    values = values_of(scope, name)
    if len(values) > 1:
        raise RepeatedHeader(name.decode("latin-1").title())
    return values[0].decode("latin-1") if values else None


def given_once(scope: Any) -> dict[bytes, bytes]:
    """Return the headers that are on one line each; the others are ignored, as wrong ones are."""
    lines = scope["headers"]
    headers = dict(lines)
    if len(headers) < len(lines):
        times = Counter(name for name, _ in lines)
        return {name: value for name, value in headers.items() if times[name] == 1}
    return headers
