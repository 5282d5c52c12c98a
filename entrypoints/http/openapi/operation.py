"""An operation in the document, based on its decorator, guard, docstring and contract."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from inspect import cleandoc
from typing import Final

from litestar.handlers import HTTPRouteHandler

from application.errors import (
    NOTHING_CHANGED,
    OUTCOME_UNKNOWN,
    InsufficientScope,
    NotAuthenticated,
    RateLimited,
    TokenExpired,
    TokenMissing,
    Unavailable,
)
from domain.errors import OrderServiceError
from domain.scope import Scope
from entrypoints.http.errors import InternalError, Overloaded, RepeatedHeader
from entrypoints.http.guards import Guard
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.contract import Contract, contract_of
from entrypoints.observability.metrics.requests import named

_TRY_AGAIN: Final = RateLimited(12)
#: Operations with these tags need PostgreSQL.
_NEEDS_STORAGE: Final = ("Accounts", "Orders")
#: Operations with this tag are served even if the process is overloaded.
_NEVER_REFUSED: Final = "Operations"


@dataclass(frozen=True, slots=True)
class Routes:
    """The handlers with the same tag, in the same order as in the document."""

    tag: str
    handlers: tuple[HTTPRouteHandler, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path."""

    tag: str
    handler: HTTPRouteHandler
    contract: Contract

    @property
    def method(self) -> str:
        """The HTTP method in upper case."""
        (method,) = self.handler.http_methods
        return str(method)

    @property
    def path(self) -> str:
        """The path with its trailing slash, such as `/orders/{order_id}/`."""
        (path,) = self.handler.paths
        return named(path.replace(":str}", "}"))

    @property
    def name(self) -> str:
        """The `operationId`, which is the name of the handler function."""
        return self.handler.fn.__name__

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return cleandoc(self.handler.fn.__doc__ or "").partition("\n")[0].rstrip(".")

    @property
    def needs_token(self) -> bool:
        """Whether the guard refuses requests without a valid token."""
        guard = self.handler.before_request
        return isinstance(guard, Guard) and guard.needs_token

    @property
    def scope(self) -> Scope | None:
        """The scope that a machine client needs, or None if the route is not for them."""
        guard = self.handler.before_request
        return guard.scope if isinstance(guard, Guard) else None

    @property
    def is_limited(self) -> bool:
        """Whether there is a rate limit, which is the case if there is a guard."""
        return self.handler.before_request is not None

    @property
    def errors(self) -> tuple[OrderServiceError, ...]:
        """An example of every error that this operation can return."""
        body, needs_storage = self.contract.body, self.tag in _NEEDS_STORAGE
        return (
            *(body.errors if body else ()),
            *((TokenMissing(), TokenExpired(), NotAuthenticated()) if self.needs_token else ()),
            *((RepeatedHeader("Authorization"),) if self.needs_token else ()),
            *((InsufficientScope(self.scope),) if self.needs_token else ()),
            *((examples.STRAY_PARAMETER,) if needs_storage and not self._is_list else ()),
            *(self._unavailable if needs_storage else ()),
            *((Overloaded(),) if self.tag != _NEVER_REFUSED else ()),
            *((_TRY_AGAIN,) if self.is_limited else ()),
            *self.contract.errors,
            InternalError(),
        )

    @property
    def _is_list(self) -> bool:
        """Whether the route has query parameters. All other API routes refuse them."""
        return "Limit" in self.contract.parameters

    @property
    def _unavailable(self) -> tuple[OrderServiceError, ...]:
        if self.contract.changes:
            return Unavailable(NOTHING_CHANGED), Unavailable(OUTCOME_UNKNOWN)
        return (Unavailable(),)


def operations_of(routes: Iterable[Routes]) -> Iterator[Operation]:
    """Yield every operation in the document, except handlers with `include_in_schema=False`.

    Raises:
        AttributeError: a handler does not have a contract.
    """
    for group in routes:
        for handler in group.handlers:
            if handler.include_in_schema is not False:
                yield Operation(group.tag, handler, contract_of(handler.fn))
