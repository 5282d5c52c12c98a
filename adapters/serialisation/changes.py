"""Renders changes of orders: the row, the document, and the event with its payload."""

from datetime import datetime
from typing import assert_never

import msgspec

from application.delivery.topics import NEW_ORDER, PROCESSED, STATUS_CHANGED, TYPES
from application.documents import Event, OrderDocument, OrderWrite
from application.ports.orders import OrderRenderer
from application.ports.system import IdGenerator
from domain.actor import Actor
from domain.ids import EventId
from domain.order.events import OrderPlaced, OrderProcessed, OrderStatusChanged, Outcome
from domain.order.order import Order, OrderChange
from domain.order.status import OrderStatus
from libraries.trace_context import traceparent_of


class _StatusChanged(msgspec.Struct, rename={"before": "from", "after": "to"}):
    order: msgspec.Raw
    before: OrderStatus
    after: OrderStatus
    actor: Actor
    reason: str | None
    at: datetime


class _Processed(msgspec.Struct):
    order: msgspec.Raw
    outcome: Outcome
    at: datetime


class JsonChangeRenderer:
    """`ChangeRenderer` that renders the JSON of the API and of the events."""

    def __init__(self, orders: OrderRenderer, ids: IdGenerator) -> None:
        self._orders = orders
        self._ids = ids

    def render(self, change: OrderChange) -> OrderWrite:
        """Return the record, document, event and step of a change. The event gets a new id."""
        record = self._orders.record(change.order)
        document = self._orders.document(record)
        topic, payload = _message(change, document.body)
        event_id = EventId(self._ids.new(change.event.at))
        event = Event(
            id=event_id,
            subject=record.id,
            version=record.version,
            revision=record.revision,
            topic=topic,
            type=TYPES[topic],
            payload=payload,
            at=change.event.at,
            traceparent=traceparent_of(event_id),
        )
        return OrderWrite(record, document, event, change.step)

    def document(self, order: Order) -> OrderDocument:
        """Return the document of an unchanged order."""
        return self._orders.document(self._orders.record(order))


def _message(change: OrderChange, body: bytes) -> tuple[str, bytes]:
    """Return the topic and the payload. `body` is the rendered order after the change."""
    order = msgspec.Raw(body)
    match change.event:
        case OrderPlaced():
            return NEW_ORDER, body
        case OrderStatusChanged(before, after, by, reason, at):
            changed = _StatusChanged(order, before, after, by, reason, at)
            return STATUS_CHANGED, msgspec.json.encode(changed)
        case OrderProcessed(outcome, at):
            return PROCESSED, msgspec.json.encode(_Processed(order, outcome, at))
        case unknown:
            assert_never(unknown)
