"""Rows of `orders` and of the outbox as values, and back: the mapping, apart from the domain."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from application.documents import Event, Headers, OrderRecord, Original
from domain.ids import EventId
from domain.order.status import OrderStatus

#: The columns of `orders`, in the order of an `OrderRecord`'s values.
COLUMNS: Final = (
    "id",
    "user_id",
    "reference",
    "items",
    "total_price",
    "currency",
    "status",
    "version",
    "revision",
    "created_at",
    "updated_at",
    "processed_at",
)
#: Every reader's statement begins so; a column that a later release adds changes nothing here.
SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM orders"  # noqa: S608 - names of our own
_STATUS: Final = {status.value: status for status in OrderStatus}


def record_of(row: Sequence[Any]) -> OrderRecord:
    """The record in a row of `orders`, whose values are in the order of `COLUMNS`."""
    order_id, owner, reference, items, total, currency, status, *rest = row
    return OrderRecord(order_id, owner, reference, items, total, currency, _STATUS[status], *rest)


def event_of(row: Mapping[Any, Any]) -> Event:
    """The event in a row of the outbox whose payload has not been swept."""
    headers = row["original_headers"]
    return Event(
        id=EventId(row["id"]),
        subject=row["subject"],
        version=row["version"],
        revision=row["revision"],
        topic=row["topic"],
        type=row["type"],
        payload=row["payload"],
        at=row["at"],
        traceparent=row["traceparent"],
        original=None if headers is None else Original(row["original_key"], headers_of(headers)),
    )


def values_of_event(event: Event) -> dict[str, Any]:
    """The event as a row of the outbox."""
    original = event.original
    return {
        "id": event.id,
        "subject": event.subject,
        "version": event.version,
        "revision": event.revision,
        "topic": event.topic,
        "type": event.type,
        "payload": event.payload,
        "payload_is_null": event.payload is None,
        "at": event.at,
        "traceparent": event.traceparent,
        "original_key": original.key if original else None,
        "original_headers": stored_headers(original.headers) if original else None,
    }


def stored_headers(headers: Headers) -> str:
    """Return headers as JSON: a list of pairs, each a name and the value in base64, or null."""
    return json.dumps(
        [[name, None if value is None else b64encode(value).decode()] for name, value in headers]
    )


def headers_of(stored: str) -> Headers:
    """Return the headers in a JSON column; release 1.0 stored an object of strings there."""
    headers = json.loads(stored)
    if isinstance(headers, dict):
        return tuple((name, text.encode()) for name, text in headers.items())
    return tuple((name, None if value is None else b64decode(value)) for name, value in headers)
