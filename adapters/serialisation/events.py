"""What is told of an order, and on which topic."""

from datetime import datetime
from typing import assert_never

import msgspec

from application.delivery.topics import NEW_ORDER, PROCESSED, STATUS_CHANGED, TYPES
from application.documents import Event, OrderDocument
from domain.actor import Actor
from domain.ids import EventId
from domain.order.events import OrderPlaced, OrderProcessed, OrderStatusChanged, Outcome
from domain.order.order import Order
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


class JsonEventRenderer:
    """Renders events as the contract's section 7 describes them."""

    def event(self, order: Order, document: OrderDocument, event_id: EventId) -> Event:
        """The message that tells what the order has just recorded.

        Raises:
            ValueError: it has recorded nothing.
        """
        topic, payload, at = _told(order, msgspec.Raw(document.body))
        return Event(
            id=event_id,
            subject=order.id,
            version=order.state.version,
            revision=order.state.revision,
            topic=topic,
            type=TYPES[topic],
            payload=payload,
            at=at,
            traceparent=traceparent_of(event_id),
        )


def _told(order: Order, body: msgspec.Raw) -> tuple[str, bytes, datetime]:
    match order.event:
        case OrderPlaced(_, at):
            return NEW_ORDER, bytes(body), at
        case OrderStatusChanged(before, after, by, reason, at):
            changed = _StatusChanged(body, before, after, by, reason, at)
            return STATUS_CHANGED, msgspec.json.encode(changed), at
        case OrderProcessed(outcome, at):
            processed = _Processed(body, outcome, at)
            return PROCESSED, msgspec.json.encode(processed), at
        case None:
            raise ValueError(f"order {order.id} has recorded nothing to tell")
        case unknown:
            assert_never(unknown)
