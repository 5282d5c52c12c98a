"""Convert events to and from messages (CloudEvents 1.0, Kafka binding 3.2, binary content mode).

An event's attributes are the message's headers, the key is the order's id, and the value is the
event's data as JSON.
"""

from hashlib import sha256
from typing import Final
from uuid import UUID, uuid5

import msgspec

from application.delivery.topics import NEW_ORDER, TYPES
from application.documents import Event, Headers
from application.ports.events import Delivery, ReceivedEvent
from application.ports.stored_records import StoredRecord
from domain.ids import EventId, OrderId
from domain.order.status import OrderStatus

#: The namespace for the ids of messages without a `ce_id`. It is random, and was chosen once.
_NAMESPACE: Final = UUID("0c4dfb3a-9e5e-4b3c-8a54-6a1d1f0f2a77")
_STATUSES: Final = {status.value: status for status in OrderStatus}


class Unreadable(ValueError):
    """The message is not an order event. The text is the reason."""


class _Order(msgspec.Struct):
    id: UUID
    status: object = None


class _AboutOrder(msgspec.Struct):
    order: _Order


class _OrderVersion(msgspec.Struct):
    version: int


class _AboutOrderVersion(msgspec.Struct):
    order: _OrderVersion


class CloudEventsEncoder:
    """`MessageEncoder` for CloudEvents."""

    def message(self, event: Event) -> Delivery:
        """Return the message for an event. Copies of a message are identical to the original."""
        if event.original is not None:
            return Delivery(event.original.key, event.payload, event.original.headers)
        subject = str(event.subject).encode()
        headers: Headers = (
            ("ce_specversion", b"1.0"),
            ("ce_id", str(event.id).encode()),
            ("ce_type", event.type.encode()),
            ("ce_source", b"/orders"),
            ("ce_subject", subject),
            ("ce_time", event.at.isoformat().replace("+00:00", "Z").encode()),
            ("content-type", b"application/json"),
        )
        if event.traceparent is not None:
            headers += (("traceparent", event.traceparent.encode()),)
        return Delivery(subject, event.payload, headers)


class CloudEventsDecoder:
    """`RecordDecoder` for CloudEvents."""

    def stored_record(self, topic: str, message: Delivery) -> StoredRecord:
        """Return the key, `ce_id`, and the version in the value."""
        return StoredRecord(message.key, _ce_id(message), _version(topic, message.value))


def parse_event(topic: str, delivery: Delivery) -> ReceivedEvent:
    """Parse a message from a topic.

    Raises:
        Unreadable: it is not an order event.
    """
    if delivery.defect is not None:
        raise Unreadable(delivery.defect)
    kind = _text(delivery.header("ce_type"))
    if kind != TYPES[topic]:
        raise Unreadable(f"ce_type is {kind!r}, not {TYPES[topic]!r}")
    order_id = _parse_key(delivery)
    order = _parse_order(topic, delivery.value or b"")
    if order.id != order_id:
        raise Unreadable(f"the value's id {order.id} is not the key {order_id}")
    status = _STATUSES.get(order.status) if isinstance(order.status, str) else None
    return ReceivedEvent(id=_event_id(delivery), type=kind, order_id=order_id, status=status)


def traceparent_of(delivery: Delivery) -> str | None:
    """Return the message's `traceparent` unchanged, or None."""
    return _text(delivery.header("traceparent"))


def _parse_order(topic: str, value: bytes) -> _Order:
    """Parse the order in a value. On some topics the order is the whole value."""
    try:
        if topic == NEW_ORDER:
            return msgspec.json.decode(value, type=_Order)
        return msgspec.json.decode(value, type=_AboutOrder).order
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Unreadable(f"the value is not an order in JSON: {error}") from error


def _parse_key(delivery: Delivery) -> OrderId:
    try:
        text = (delivery.key or b"").decode("ascii")
        order_id = UUID(text)
    except ValueError as error:
        raise Unreadable("the key is not a UUID") from error
    if text.lower() != str(order_id):  # UUID() also reads braces, prefixes and missing hyphens
        raise Unreadable("the key is not a UUID")
    return OrderId(order_id)


def _event_id(delivery: Delivery) -> EventId:
    """Return `ce_id`, or else an id that only identical messages share."""
    if (event_id := _ce_id(delivery)) is not None:
        return event_id
    parts = repr((delivery.key, delivery.value, delivery.headers))
    return EventId(uuid5(_NAMESPACE, sha256(parts.encode()).hexdigest()))


def _ce_id(delivery: Delivery) -> EventId | None:
    try:
        return EventId(UUID(_text(delivery.header("ce_id")) or ""))
    except ValueError:
        return None


def _version(topic: str, value: bytes | None) -> int | None:
    """Return the order's version in a value. On some topics the order is the whole value."""
    try:
        if topic == NEW_ORDER:
            return msgspec.json.decode(value or b"", type=_OrderVersion).version
        return msgspec.json.decode(value or b"", type=_AboutOrderVersion).order.version
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")
