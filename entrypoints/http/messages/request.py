"""A request to this API: its user, and its headers, which may be on several lines.

RFC 9110, section 5.3, describes headers on several lines.
"""

from collections import Counter
from typing import Any, Final

from litestar import Request
from litestar.datastructures import State

from domain.account import Account
from domain.actor import Actor
from entrypoints.http.errors import RepeatedHeader

_SEPARATOR: Final = b", "


def peer_of(scope: Any) -> str:
    """Return the address of the connection's peer, or an empty string."""
    client = scope.get("client")
    return str(client[0]) if client else ""


class ApiRequest(Request[Account, Any, State]):
    """A request. Behind its route's guard it has a user."""

    def header(self, name: bytes) -> str | None:
        """Return the value of a header that is not a list (name in lower case), or None.

        Raises:
            RepeatedHeader: it is on several lines.
        """
        return single(self.scope, name)

    def list_header(self, name: bytes) -> str | None:
        """Return the value of a list header (name in lower case), or None."""
        return joined(self.scope, name)

    @property
    def actor(self) -> Actor:
        """Return the user as an actor."""
        return Actor.of_role(self.user.id, self.user.role)


def values_of(scope: Any, name: bytes) -> list[bytes]:
    """Return the value of each line of the header `name` (lower case), in order."""
    return [value for key, value in scope["headers"] if key == name]


def joined(scope: Any, name: bytes) -> str | None:
    """Return the value of a list header with all its lines joined, or None."""
    values = values_of(scope, name)
    return _SEPARATOR.join(values).decode("latin-1") if values else None


def single(scope: Any, name: bytes) -> str | None:
    """Return the value of a header that is not a list, or None.

    Raises:
        RepeatedHeader: it is on several lines, of which two parsers may choose different ones.
    """
    values = values_of(scope, name)
    if len(values) > 1:
        raise RepeatedHeader(name.decode("latin-1").title())
    return values[0].decode("latin-1") if values else None


def given_once(scope: Any) -> dict[bytes, bytes]:
    """Return the headers that are on one line. The others are ignored, like invalid ones."""
    lines = scope["headers"]
    headers = dict(lines)
    if len(headers) < len(lines):
        times = Counter(name for name, _ in lines)
        return {name: value for name, value in headers.items() if times[name] == 1}
    return headers
