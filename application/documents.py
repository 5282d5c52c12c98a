"""The forms of an order outside the domain: record, document, event."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeAlias
from uuid import UUID

from domain.ids import EventId, OrderId, UserId
from domain.order.history import Step
from domain.order.status import OrderStatus

#: The headers of a message, in their order. A name may repeat; a value is any bytes, or null.
Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class OrderDocument:
    """An order as the API shows it: encoded bytes, and the facts that the service needs of them."""

    owner: UserId
    version: int  # counts the steps of the lifecycle
    revision: int  # rises at every write, processing included
    is_processed: bool
    body: bytes


class OrderRecord(NamedTuple):
    """An order as it is stored: flat, with its lines as the JSON text of the document.

    It is a tuple because a list makes two hundred records, and no other immutable type is created
    faster.
    """

    id: OrderId
    owner: UserId
    reference: str | None
    items: str
    total: Decimal
    currency: str
    status: OrderStatus
    version: int
    revision: int
    created_at: datetime
    updated_at: datetime
    processed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of the outbox, which becomes one message.

    `subject` is the id of the order (or of the dead letter, for its copy), and `revision` orders
    the events of one subject; `id` is the same at every delivery of this event. `original` is set
    if the message is a copy of another message. A `payload` of None is a null value (a tombstone).
    `is_replay` is set if the event was published before.
    """

    id: EventId
    subject: UUID
    version: int
    revision: int
    topic: str
    type: str
    payload: bytes | None
    at: datetime
    traceparent: str | None = None  # W3C Trace Context, of the request that caused it
    original: "Original | None" = None
    is_replay: bool = field(default=False, compare=False)  # of this delivery, not of the event


@dataclass(frozen=True, slots=True)
class Original:
    """The key and the headers of a message that is copied."""

    key: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class OrderWrite:
    """One write of an order, rendered. An adapter stores all of it or nothing."""

    record: OrderRecord
    document: OrderDocument
    event: Event
    step: Step | None
