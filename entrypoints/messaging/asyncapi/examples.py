"""Example messages for the document. The code that makes real messages makes these as well."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from application.delivery.dead_letters import dead_letter_copy, dead_letter_from
from application.delivery.topics import NEW_ORDER, PROCESSED, STATUS_CHANGED, TYPES
from application.documents import Event
from application.ports.events import Delivery
from domain.actor import ActorKind
from domain.ids import EventId
from domain.order.events import Outcome
from domain.order.status import OrderStatus
from entrypoints.http.messages.schemas import HistoryActor, OrderSchema
from entrypoints.http.openapi.examples import ADA, ORDER_ID, PAID_ORDER, PENDING_ORDER
from entrypoints.messaging.asyncapi.schemas import OrderProcessed, OrderStatusChanged
from entrypoints.messaging.cloud_events import CloudEventsEncoder, Unreadable, parse_event

_ENCODER: Final = CloudEventsEncoder()
_TRACE: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_PLACED: Final = PENDING_ORDER.created_at
_PROCESSED: Final = _PLACED + timedelta(seconds=2)
_CANCELED: Final = replace(
    PENDING_ORDER,
    status=OrderStatus.CANCELED,
    next_statuses=[],
    version=2,
    updated_at=_PLACED + timedelta(seconds=1),
)


def _processed(order: OrderSchema) -> OrderSchema:
    return replace(order, processed_at=_PROCESSED, updated_at=_PROCESSED)


def _event(number: int, topic: str, value: Any, at: datetime) -> Delivery:
    event = Event(
        id=EventId(UUID(f"019aa1f0-6c0{number}-7d41-8e2b-7f3a9c5d1e60")),
        subject=ORDER_ID,
        version=1,
        revision=number,
        topic=topic,
        type=TYPES[topic],
        payload=msgspec.json.encode(value),
        at=at,
        traceparent=_TRACE,
    )
    return _ENCODER.message(event)


_ANNOUNCED: Final = _event(1, NEW_ORDER, PENDING_ORDER, _PLACED)
_BY_ADA: Final = HistoryActor(ActorKind.USER, ADA)


def _dead(message: Delivery, reason: str, attempts: int) -> Delivery:
    dead_letter = dead_letter_from(message, NEW_ORDER, reason, attempts, _PROCESSED)
    return _ENCODER.message(dead_letter_copy(dead_letter, EventId(dead_letter.id)))


def _unreadable(message: Delivery) -> Delivery:
    try:
        parse_event(NEW_ORDER, message)
    except Unreadable as reason:
        return _dead(message, str(reason), 1)
    raise ValueError("the message is readable")


PLACED_ORDERS: Final[Mapping[str, Delivery]] = {"placed": _ANNOUNCED}
STATUS_CHANGES: Final[Mapping[str, Delivery]] = {
    "paid": _event(
        3,
        STATUS_CHANGED,
        OrderStatusChanged(
            PAID_ORDER,
            OrderStatus.PENDING,
            OrderStatus.PAID,
            _BY_ADA,
            "card payment",
            PAID_ORDER.updated_at,
        ),
        PAID_ORDER.updated_at,
    ),
    "canceled": _event(
        2,
        STATUS_CHANGED,
        OrderStatusChanged(
            _CANCELED,
            OrderStatus.PENDING,
            OrderStatus.CANCELED,
            _BY_ADA,
            None,
            _CANCELED.updated_at,
        ),
        _CANCELED.updated_at,
    ),
}
PROCESSED_ORDERS: Final[Mapping[str, Delivery]] = {
    "fulfilled": _event(
        2,
        PROCESSED,
        OrderProcessed(_processed(PENDING_ORDER), Outcome.FULFILLED, _PROCESSED),
        _PROCESSED,
    ),
    "skipped": _event(
        3,
        PROCESSED,
        OrderProcessed(_processed(_CANCELED), Outcome.SKIPPED, _PROCESSED),
        _PROCESSED,
    ),
}
DEAD_LETTER_COPIES: Final[Mapping[str, Delivery]] = {
    "failed": _dead(_ANNOUNCED, "ConnectionError: the warehouse does not answer", 5),
    "unreadable": _unreadable(
        Delivery(b"web-1042", b"an order for tea", (("sender", b"a script"),))
    ),
}
