"""Reading request headers that may come on several lines (RFC 9110, section 5.3)."""

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


def advisory(scope: Any, name: bytes) -> bytes:
    """Return the value of a header that is ignored if it is wrong; empty if absent or repeated."""
    values = values_of(scope, name)
    return values[0] if len(values) == 1 else b""
