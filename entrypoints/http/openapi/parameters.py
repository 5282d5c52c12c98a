"""OpenAPI descriptions of request parameters. Contracts refer to them by name."""

from collections.abc import Mapping
from typing import Any, Final

from domain.order.order import MAX_REFERENCE
from domain.order.status import OrderStatus
from entrypoints.http.messages.query import DEFAULT_LIMIT, MAX_LIMIT

_UUID: Final = {"type": "string", "format": "uuid"}
_TIMESTAMP: Final = {"type": "string", "format": "date-time"}
#: See `messages/idempotency_key.py`.
_BARE_KEY: Final = r"[!#-~][!-~]{0,254}"
_QUOTED_KEY: Final = r'"([!#-\[\]-~]|\\["\\]){1,255}"'
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
        "Your own id for the request. The response repeats it if it consists of 1 to 128 of the"
        " characters `A-Z a-z 0-9 . _ -`. Any other id is replaced.",
    ),
    "OrderId": _parameter("order_id", "path", _UUID, "The id of the order."),
    "UserIdOfPath": _parameter(
        "user_id", "path", _UUID, "The user's id. `GET /me/` returns your own."
    ),
    "SessionId": _parameter(
        "session_id", "path", _UUID, "The id of the session. `GET /me/sessions/` returns yours."
    ),
    "ProblemCode": _parameter(
        "code", "path", {"type": "string"}, "The `code` of the problem.", "order-not-found"
    ),
    "IdempotencyKey": _parameter(
        "Idempotency-Key",
        "header",
        {"type": "string", "pattern": rf"^({_BARE_KEY}|{_QUOTED_KEY})$"},
        "A new random value for each order: 1 to 255 visible ASCII characters, in double quotes or"
        " without. If you repeat a request with its key within 24 hours, you get the first"
        " response again, and no second order.",
        "7f1d3c52-9a57-4f0e-8a7c-0b9e6c1d2a34",
    ),
    "IfMatch": _parameter(
        "If-Match",
        "header",
        {"type": "string", "pattern": rf"^(\*|{_TAG}([ ]*,[ ]*{_TAG})*)$"},
        "Change the order only if it has one of these tags. Only the versions in the tags are"
        " compared. Without this header, the order is changed no matter which version it has.",
    ),
    "IfNoneMatch": _parameter(
        "If-None-Match",
        "header",
        {"type": "string"},
        "The tag of your copy. If it is current, the response is 304 without a body.",
    ),
    "Limit": _parameter(
        "limit",
        "query",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "The maximum number of orders on a page.",
    ),
    "Cursor": _parameter(
        "cursor",
        "query",
        {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
        "The start of the page, taken from the previous page's `Link`. Other values are refused.",
    ),
    "Status": _parameter(
        "status",
        "query",
        {"type": "array", "items": {"type": "string", "enum": list(OrderStatus)}},
        "Only orders with one of these statuses. Repeatable: `status=PENDING&status=PAID`.",
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
        "Only orders with this reference.",
    ),
    "CreatedAfter": _parameter(
        "created_after", "query", _TIMESTAMP, "Only orders created at this time or later."
    ),
    "CreatedBefore": _parameter(
        "created_before", "query", _TIMESTAMP, "Only orders created before this time."
    ),
    "UserId": _parameter(
        "user_id",
        "query",
        _UUID,
        "Only orders of this user. Only staff may give another user's id.",
    ),
}

#: The query parameters for listing orders.
OF_LISTS: Final = (
    "Limit",
    "Cursor",
    "Status",
    "Reference",
    "CreatedAfter",
    "CreatedBefore",
)
