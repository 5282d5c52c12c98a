"""A request to this API: whose it is, and what serves it."""

from collections.abc import Awaitable
from typing import Any, cast

from litestar import Request
from litestar.datastructures import State

from domain.actor import Actor
from domain.user import User
from entrypoints.http.services import Services


def asked_path(scope: Any) -> str:
    """The path as the client wrote it: the router takes its trailing slash away."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("ascii", "replace")


class ApiRequest(Request[User, Any, State]):
    """A request that knows the use cases and, behind the guard of its route, its user."""

    @property
    def services(self) -> Services:
        """The use cases, put in by the composition root."""
        services: Services = self.scope["litestar_app"].state.services
        return services

    def header(self, name: bytes) -> str | None:
        """The first header of this name (lower case), without reading all the others."""
        return next(
            (value.decode("latin-1") for key, value in self.scope["headers"] if key == name), None
        )

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
