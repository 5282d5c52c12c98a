"""Map rows in `orders` and the outbox to values and back, and read orders by id."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.postgres.connection import Connection
from application.documents import Event, Headers, OrderRecord, Original
from domain.ids import EventId, OrderId
from domain.order.status import OrderStatus

#: The columns of `orders`, in the same order as the fields of `OrderRecord`.
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
#: This lists all columns because later releases may add more of them.
SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM orders"  # noqa: S608 - our own names
_STATUS: Final = {status.value: status for status in OrderStatus}


def record_of(row: Sequence[Any]) -> OrderRecord:
    """Return the record in a row of `orders` with its values in the order of `COLUMNS`."""
    order_id, owner, reference, items, total, currency, status, *rest = row
    return OrderRecord(order_id, owner, reference, items, total, currency, _STATUS[status], *rest)


async def find_records(
    connection: Connection, order_ids: Sequence[OrderId]
) -> dict[OrderId, OrderRecord]:
    """Read orders in one statement. Ids of orders that don't exist are left out."""
    rows = await connection.fetch(f"{SELECT} WHERE id = ANY($1)", list(order_ids))
    return {row["id"]: record_of(row) for row in rows}


def event_of(row: Mapping[Any, Any]) -> Event:
    """Return the event in an outbox row that still has its payload."""
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
    """Return the values for an event's outbox row, by column."""
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
    """Encode headers as a JSON list of pairs with a name and a base64 value (or null)."""
    return json.dumps(
        [[name, None if value is None else b64encode(value).decode()] for name, value in headers]
    )


def headers_of(stored: str) -> Headers:
    """Decode the headers in a JSON column. Release 1.0 stored them as an object of strings."""
    headers = json.loads(stored)
    if isinstance(headers, dict):
        return tuple((name, text.encode()) for name, text in headers.items())
    return tuple((name, None if value is None else b64decode(value)) for name, value in headers)
