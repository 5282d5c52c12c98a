"""A request to this API, with its caller and its headers.

Headers may be spread over several lines (RFC 9110, section 5.3).
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.connection.base import empty_receive, empty_send
from litestar.datastructures import State

from application.accounts.caller import Caller
from domain.actor import Actor
from entrypoints.http.errors import RepeatedHeader

_SEPARATOR: Final = b", "
#: The key in an ASGI scope for the headers on a single line. Most requests look up several of them.
_GIVEN_ONCE: Final = "orders.headers_given_once"
_FILLED_LATER: Final = {*ASGIConnection.__slots__, *Request.__slots__}


def peer_of(scope: Any) -> str:
    """Return the address of the connection's peer, or an empty string."""
    client = scope.get("client")
    return str(client[0]) if client else ""


class ApiRequest(Request[Caller, Any, State]):
    """A request. Its `user` is the caller, once it has passed its route's guard.

    Litestar fills some twenty attributes of each request, which takes as long as authenticating its
    caller. Most requests don't use them, so they are filled when one of them is first read.
    """

    def __init__(self, scope: Any, receive: Any = empty_receive, send: Any = empty_send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send

    def __getattr__(self, name: str) -> Any:
        """Return an attribute that hasn't been filled yet.

        Raises:
            AttributeError: there is no such attribute.
        """
        if name not in _FILLED_LATER:
            raise AttributeError(name, name=name, obj=self)
        super().__init__(self.scope, self.receive, self.send)
        return object.__getattribute__(self, name)

    def header(self, name: bytes) -> str | None:
        """Return the value of a header that is not a list, or None. `name` is in lower case.

        Raises:
            RepeatedHeader: it is spread over several lines.
        """
        return single(self.scope, name)

    def list_header(self, name: bytes) -> str | None:
        """Return the value of a header that is a list, or None. `name` is in lower case."""
        return joined(self.scope, name)

    @property
    def actor(self) -> Actor:
        """Return the caller as an actor."""
        return self.user.actor


def values_of(scope: Any, name: bytes) -> list[bytes]:
    """Return the values of all lines of a header, in order. `name` is in lower case."""
    return [value for key, value in scope["headers"] if key == name]


def joined(scope: Any, name: bytes) -> str | None:
    """Return the value of a header that is a list, with all its lines joined, or None."""
    value = given_once(scope).get(name)
    if value is None and has_repeated(scope):
        value = _SEPARATOR.join(values_of(scope, name)) or None
    return None if value is None else value.decode("latin-1")


def single(scope: Any, name: bytes) -> str | None:
    """Return the value of a header that is not a list, or None.

    Raises:
        RepeatedHeader: it is on several lines. Two parsers might choose different ones.
    """
    value = given_once(scope).get(name)
    if value is not None:
        return value.decode("latin-1")
    if has_repeated(scope) and values_of(scope, name):
        raise RepeatedHeader(name.decode("latin-1").title())
    return None


def given_once(scope: Any) -> dict[bytes, bytes]:
    """Return the headers that are on a single line. The others are ignored like invalid ones."""
    headers: dict[bytes, bytes] | None = scope.get(_GIVEN_ONCE)
    if headers is None:
        headers = scope[_GIVEN_ONCE] = _given_once(scope["headers"])
    return headers


def _given_once(lines: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    headers = dict(lines)
    if len(headers) < len(lines):
        times = Counter(name for name, _ in lines)
        return {name: value for name, value in headers.items() if times[name] == 1}
    return headers


def has_repeated(scope: Any) -> bool:
    """Return whether a header is spread over several lines."""
    return len(given_once(scope)) < len(scope["headers"])
