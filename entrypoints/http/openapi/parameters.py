"""The parameters of requests, as OpenAPI describes them; the table of operations names them."""

from collections.abc import Mapping
from typing import Any, Final

from domain.order.order import MAX_REFERENCE
from domain.order.status import OrderStatus
from entrypoints.http.messages.list_query import DEFAULT_LIMIT, MAX_LIMIT

_UUID: Final = {"type": "string", "format": "uuid"}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_TAG: Final = r'(W/)?"[!#-~]*"'


def _parameter(
    name: str, place: str, schema: Mapping[str, Any], description: str, example: object = None
) -> dict[str, Any]:
    parameter: dict[str, Any] = {
        "name": name,
        "in": place,
        "description": description,
        "schema": schema,
    }
    if place == "path":
        parameter["required"] = True
    return parameter if example is None else {**parameter, "example": example}


PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "RequestId": _parameter(
        "X-Request-Id",
        "header",
        {"type": "string"},
        "Your id of the request. The answer repeats it if it is 1 to 128 of `A-Z a-z 0-9 . _ -`;"
        " any other is replaced.",
    ),
    "OrderId": _parameter("order_id", "path", _UUID, "The order's id."),
    "UserIdOfPath": _parameter("user_id", "path", _UUID, "The user's id: `GET /me/` tells yours."),
    "ProblemCode": _parameter(
        "code", "path", {"type": "string"}, "The problem's `code`.", "order-not-found"
    ),
    "IfMatch": _parameter(
        "If-Match",
        "header",
        {"type": "string", "pattern": rf"^(\*|{_TAG}([ ]*,[ ]*{_TAG})*)$"},
        "Change the order only if it still has one of these tags; only the version in them counts."
        " Without it the order is changed whatever its version is.",
    ),
    "IfNoneMatch": _parameter(
        "If-None-Match",
        "header",
        {"type": "string"},
        "The tag of what you have: if it is still good, the answer is 304 and has no body.",
    ),
    "Limit": _parameter(
        "limit",
        "query",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "How many orders a page has.",
    ),
    "Cursor": _parameter(
        "cursor",
        "query",
        {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
        "Where the page begins. Take it from the `Link` of the page before: it cannot be made up.",
    ),
    "Status": _parameter(
        "status",
        "query",
        {"type": "array", "items": {"type": "string", "enum": list(OrderStatus)}},
        "Only orders with this status, or with one of several: `status=PENDING&status=PAID`.",
    ),
    "Reference": _parameter(
        "reference",
        "query",
        {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_REFERENCE,
            "pattern": r"^[^\u0000]*$",
        },
        "Only orders with this id of the client's own.",
    ),
    "CreatedAfter": _parameter(
        "created_after", "query", _MOMENT, "Only orders created then or later."
    ),
    "CreatedBefore": _parameter(
        "created_before", "query", _MOMENT, "Only orders created earlier than that."
    ),
    "UserId": _parameter(
        "user_id", "query", _UUID, "Only this user's orders; another user's are for staff alone."
    ),
}

#: What a list of orders may be asked with.
OF_LISTS: Final = (
    "Limit",
    "Cursor",
    "Status",
    "Reference",
    "CreatedAfter",
    "CreatedBefore",
)
