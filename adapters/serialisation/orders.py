"""Orders as JSON. Responses, cache entries and events contain the same bytes."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from application.documents import OrderDocument, OrderRecord
from domain.currency import CURRENCIES, Currency
from domain.money import Money
from domain.order.attributes import NO_ATTRIBUTES, Attributes
from domain.order.lines import OrderLine, OrderLines
from domain.order.order import Order
from domain.order.status import OrderStatus


class _Line(msgspec.Struct, omit_defaults=True):
    product_id: str | None = None
    name: str | None = None
    quantity: int = 0  # never 0, so that it is always written
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


#: Writes amounts as numbers with all digits: `19.90`.
_encoder = msgspec.json.Encoder(decimal_format="number")
#: Computed once: each document needs it.
_NEXT_STATUSES = {status: status.next for status in OrderStatus}
_lines_decoder = msgspec.json.Decoder(list[_Line], float_hook=Decimal)


class JsonOrderRenderer:
    """`OrderRenderer` that renders the JSON of the API."""

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
        """Return the order of a record."""
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
    # Stored amounts have the digits of their currency.
    price = None if line.price is None else Money(line.price, currency)
    attributes: Attributes = line.attributes or NO_ATTRIBUTES
    return OrderLine(line.product_id, line.name, line.quantity, price, attributes)
