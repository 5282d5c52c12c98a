"""Parse query strings. Unknown parameters are errors, so filters are never silently ignored."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar
from urllib.parse import unquote_plus, unquote_to_bytes, urlencode
from uuid import UUID

import msgspec

from application.orders.list_orders import ListQuery
from application.ports.orders import OrderFilter
from application.ports.paging import Cursors
from domain.errors import FieldError, Invalid
from domain.ids import OrderId, UserId
from domain.order.order import parse_reference
from domain.order.status import OrderStatus
from domain.validation import ValidationErrors
from entrypoints.http.errors import ParameterError
from entrypoints.http.links import link
from entrypoints.http.messages.name_suggestions import no_such
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.messages.timestamps import parse_timestamp

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
_MAX_DIGITS: Final = 9

#: The parameters for listing one user's orders, and for listing all visible orders.
OF_OWNER: Final = ("limit", "cursor", "status", "reference", "created_after", "created_before")
OF_ALL: Final = (*OF_OWNER, "user_id")

T = TypeVar("T")


class QueryErrors(ValidationErrors):
    """The errors of a request in which every value is a parameter."""

    def extend(self, errors: Iterable[FieldError]) -> None:
        """Add errors that were found elsewhere in the same request."""
        super().extend(ParameterError(each.path, each.code, each.detail) for each in errors)


def check_query(
    request: ApiRequest, errors: ValidationErrors, known: Collection[str] = (), repeatable: str = ""
) -> None:
    """Add an error for each parameter that is unknown, repeated (except `repeatable`) or not UTF-8.

    A value that isn't UTF-8 would be read with replacement characters, and find nothing.
    """
    if not request.scope["query_string"]:  # the usual case
        return
    names = Counter(name for name, _ in request.query_params.multi_items())
    for name, times in names.items():
        if name not in known:
            detail = no_such("parameter", name, known, errors)
            errors.extend([ParameterError((name,), "unknown-parameter", detail)])
        elif times > 1 and name != repeatable:
            errors.extend([ParameterError((name,), "repeated-parameter", "Must not be repeated.")])
    for name in _not_utf_8(request.scope["query_string"]):
        errors.extend([ParameterError((name,), "invalid-encoding", "Must be well-formed UTF-8.")])


def _not_utf_8(query: bytes) -> Iterator[str]:
    """Yield the names of parameters whose values aren't well-formed UTF-8."""
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        try:
            unquote_to_bytes(value).decode()
        except UnicodeDecodeError:
            yield unquote_plus(name.decode("latin-1"))


def refuse_query(request: ApiRequest) -> None:
    """Check that the request does not have query parameters.

    Raises:
        Invalid: it has some.
    """
    if not request.scope["query_string"]:  # the usual case
        return
    errors = ValidationErrors()
    check_query(request, errors)
    errors.raise_if_any()


def parse_list_query(request: ApiRequest, cursors: Cursors, owner: UserId | None) -> ListQuery:
    """Parse a list's query. `owner` is the user in the path. If it is None, `user_id` is used.

    Raises:
        Invalid: parameters are invalid. There is an error for each of them.
    """
    errors = QueryErrors()
    check_query(request, errors, OF_OWNER if owner else OF_ALL, repeatable="status")

    def one(name: str, parse: Callable[[object], T]) -> T | None:
        return errors.optional(parse, request.query_params.get(name), name)

    # If there are more different values than statuses, one of the first few is already invalid.
    given = dict.fromkeys(request.query_params.getall("status", []))
    statuses = islice(given, len(OrderStatus) + 1)
    wanted = OrderFilter(
        owner=owner or one("user_id", parse_user_id),
        statuses=frozenset(
            status for each in statuses if (status := errors.parse(parse_status, each, "status"))
        ),
        reference=one("reference", parse_reference),
        created_after=one("created_after", parse_timestamp),
        created_before=one("created_before", parse_timestamp),
    )
    after: OrderId | None = one("cursor", cursors.open)
    limit = one("limit", parse_limit)
    errors.raise_if_any()
    return ListQuery(request.actor, wanted, after, limit or DEFAULT_LIMIT)


def next_page(request: ApiRequest, path: str, cursor: str) -> str:
    """Return the `Link` (RFC 8288) to the next page, which has the same query except the cursor."""
    parameters = [
        (name, value) for name, value in request.query_params.multi_items() if name != "cursor"
    ]
    query = urlencode([*parameters, ("cursor", cursor)])
    return f'<{link(request.scope, path, query)}>; rel="next"'


def parse_user_id(value: object) -> UserId:
    """Parse a user's id.

    Raises:
        Invalid: it is not a UUID.
    """
    return UserId(parse_uuid(value))


def parse_uuid(value: object) -> UUID:
    """Parse a UUID in its canonical form (RFC 9562, section 4), in either case.

    Raises:
        Invalid: it is not a UUID.
    """
    try:
        return msgspec.convert(value, UUID)
    except msgspec.ValidationError:
        raise Invalid.value("not-a-uuid", "Must be a UUID.") from None


def parse_status(value: object) -> OrderStatus:
    """Parse a status by its name.

    Raises:
        Invalid: there is no such status.
    """
    if isinstance(value, str) and value in OrderStatus.__members__:
        return OrderStatus[value]
    raise Invalid.value("unknown-status", f"Must be one of {', '.join(OrderStatus)}.")


def parse_limit(value: object) -> int:
    """Parse a page size.

    Raises:
        Invalid: it is not an integer from 1 to `MAX_LIMIT`.
    """
    text = str(value)
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else 0
    if not 1 <= number <= MAX_LIMIT:
        raise Invalid.value("out-of-range", f"Must be a whole number from 1 to {MAX_LIMIT}.")
    return number
