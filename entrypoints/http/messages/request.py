"""A request to this API: its headers, and its user."""

from collections.abc import Awaitable
from typing import Any, cast

from litestar import Request
from litestar.datastructures import State

from domain.account import User
from domain.actor import Actor
from entrypoints.http.messages.headers import joined, single


def peer_of(scope: Any) -> str:
    """Return the address of the connection's other end; empty if it has none."""
    client = scope.get("client")
    return str(client[0]) if client else ""


class ApiRequest(Request[User, Any, State]):
    """A request that knows, behind the guard of its route, its user."""

    def header(self, name: bytes) -> str | None:
        """The value of a header that is no list (lower case); None if it is absent.

        Raises:
            RepeatedHeader: it was given more than once.
        """
        return single(self.scope, name)

    def list_header(self, name: bytes) -> str | None:
        """The value of a list header (lower case), all its lines joined; None if it is absent."""
        return joined(self.scope, name)

    @property
    def admission(self) -> Awaitable[None]:
        """Whether its user may ask so often; behind `for_readers` alone, to be awaited once."""
        asked: Awaitable[None] = cast("Any", self.scope)["admission"]
        return asked

    @admission.setter
    def admission(self, asked: Awaitable[None]) -> None:
        cast("Any", self.scope)["admission"] = asked

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return self.user.actor
