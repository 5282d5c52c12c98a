"""Serialise orders to JSON. Responses, cache entries and events contain the same bytes."""

from datetime import datetime
from decimal import Decimal
from typing import Any, assert_never
from uuid import UUID

import msgspec

from application.delivery.topics import NEW_ORDER, PROCESSED, STATUS_CHANGED, TYPES
from application.documents import Event, OrderDocument, OrderRecord, OrderWrite
from application.ports.orders import OrderRenderer
from application.ports.system import IdGenerator
from domain.actor import Actor
from domain.ids import EventId
from domain.money import CURRENCIES, Currency, Money
from domain.order.attributes import NO_ATTRIBUTES, Attributes
from domain.order.events import OrderPlaced, OrderProcessed, OrderStatusChanged, Outcome
from domain.order.lines import OrderLine, OrderLines
from domain.order.order import Order, OrderChange
from domain.order.status import OrderStatus
from libraries.trace_context import traceparent_of


class _Line(msgspec.Struct, omit_defaults=True):
    product_id: str | None = None
    name: str | None = None
    quantity: int = 0  # always written because it's never 0
    price: Decimal | None = None
    attributes: dict[str, Any] | None = None


class _Order(msgspec.Struct):
    id: UUID
    user_id: UUID
    reference: str | msgspec.UnsetType
    items: msgspec.Raw
    total_price: Decimal
    currency: str
    status: OrderStatus
    next_statuses: tuple[OrderStatus, ...]
    version: int
    created_at: datetime
    updated_at: datetime
    processed_at: datetime | None


#: Amounts are written as numbers with all of their digits, for example `19.90`.
_encoder = msgspec.json.Encoder(decimal_format="number")
#: Computed once because every document needs it.
_NEXT_STATUSES = {status: status.next for status in OrderStatus}
_lines_decoder = msgspec.json.Decoder(list[_Line], float_hook=Decimal)


class JsonOrderRenderer:
    """An `OrderRenderer` for the API's JSON."""

    def record(self, order: Order) -> OrderRecord:
        """Return the record to store."""
        lines = [_line(line) for line in order.lines.lines]
        return OrderRecord(
            id=order.id,
            owner=order.owner,
            reference=order.reference,
            items=_encoder.encode(lines).decode(),
            total=order.lines.total.amount,
            currency=order.lines.total.currency.code,
            status=order.status,
            version=order.version,
            revision=order.revision,
            created_at=order.created_at,
            updated_at=order.updated_at,
            processed_at=order.processed_at,
        )

    def restore(self, record: OrderRecord) -> Order:
        """Return a record's order."""
        currency = CURRENCIES[record.currency]
        lines = tuple(_restored(line, currency) for line in _lines_decoder.decode(record.items))
        return Order(
            id=record.id,
            owner=record.owner,
            reference=record.reference,
            lines=OrderLines(lines, Money(record.total, currency)),
            status=record.status,
            version=record.version,
            revision=record.revision,
            created_at=record.created_at,
            updated_at=record.updated_at,
            processed_at=record.processed_at,
        )

    def document(self, record: OrderRecord) -> OrderDocument:
        """Return the document that the API returns."""
        body = _Order(
            id=record.id,
            user_id=record.owner,
            reference=msgspec.UNSET if record.reference is None else record.reference,
            items=msgspec.Raw(record.items.encode()),
            total_price=record.total,
            currency=record.currency,
            status=record.status,
            next_statuses=_NEXT_STATUSES[record.status],
            version=record.version,
            created_at=record.created_at,
            updated_at=record.updated_at,
            processed_at=record.processed_at,
        )
        is_processed = record.processed_at is not None
        return OrderDocument(
            record.owner, record.version, record.revision, is_processed, _encoder.encode(body)
        )


def _line(line: OrderLine) -> _Line:
    return _Line(
        line.product_id,
        line.name,
        line.quantity,
        line.price.amount if line.price else None,
        dict(line.attributes) or None,
    )


def _restored(line: _Line, currency: Currency) -> OrderLine:
    # Stored amounts already have their currency's number of digits.
    price = None if line.price is None else Money(line.price, currency)
    attributes: Attributes = line.attributes or NO_ATTRIBUTES
    return OrderLine(line.product_id, line.name, line.quantity, price, attributes)


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
    """A `ChangeRenderer` for the API's JSON and the JSON in events."""

    def __init__(self, orders: OrderRenderer, ids: IdGenerator) -> None:
        self._orders = orders
        self._ids = ids

    def render(self, change: OrderChange) -> OrderWrite:
        """Return the record, document, event and step for a change. The event gets a new id."""
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
        """Return the document for an order that was not changed."""
        return self._orders.document(self._orders.record(order))


def _message(change: OrderChange, body: bytes) -> tuple[str, bytes]:
    """Return the topic and the payload. `body` is the order after the change as JSON."""
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
