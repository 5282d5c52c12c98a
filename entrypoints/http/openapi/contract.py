"""A route's contract, declared on its handler with `@operation(...)`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from domain.errors import OrderServiceError
from entrypoints.http.errors import RepeatedHeader
from entrypoints.http.openapi import examples

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
HTML: Final = "text/html"
ICON: Final = "image/x-icon"
TEXT: Final = "text/plain"
NDJSON: Final = "application/x-ndjson"

#: The attribute of a handler function that holds its contract.
_ATTRIBUTE: Final = "contract"

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Body:
    """A request body."""

    type: Any
    examples: Mapping[str, Any]
    media_type: str = JSON

    @property
    def errors(self) -> tuple[OrderServiceError, ...]:
        """The errors that any body of this media type can cause."""
        unsupported = examples.NOT_JSON if self.media_type == JSON else examples.NOT_A_FORM
        return (
            examples.BAD_BODY,
            RepeatedHeader(),
            examples.LARGE_BODY,
            unsupported,
            examples.CODED_BODY,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful response. If it does not have a type, it does not have a body either.

    `headers` are the response headers in addition to the common ones. `links` are the names of
    handlers to which you can pass the id of the order in the body.
    """

    status: int
    description: str
    type: Any = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    media_type: str = JSON
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Everything about a route that does not follow from its path, guard and tag."""

    answers: tuple[Answer, ...]
    description: str
    parameters: tuple[str, ...]
    body: Body | None
    errors: tuple[OrderServiceError, ...]
    changes: bool


def operation(
    *,
    answers: tuple[Answer, ...],
    description: str = "",
    parameters: tuple[str, ...] = (),
    body: Body | None = None,
    errors: tuple[OrderServiceError, ...] = (),
    changes: bool = False,
) -> Callable[[Handler], Handler]:
    """Attach a contract to a handler function. Put this below Litestar's decorator.

    `parameters` are keys of `PARAMETERS`. `errors` has an example of each route-specific error.
    The errors caused by the body, the guard and the storage are added automatically. `changes`
    marks a route that writes, because a failure can leave its outcome unknown.
    """
    contract = Contract(
        answers=answers,
        description=description,
        parameters=parameters,
        body=body,
        errors=errors,
        changes=changes,
    )

    def with_contract(handler: Handler) -> Handler:
        setattr(handler, _ATTRIBUTE, contract)
        return handler

    return with_contract


def contract_of(function: Callable[..., Any]) -> Contract:
    """Return a handler function's contract.

    Raises:
        AttributeError: the function does not have a contract.
    """
    contract: Contract = getattr(function, _ATTRIBUTE)
    return contract
