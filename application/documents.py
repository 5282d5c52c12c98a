"""How orders are represented outside the domain: as records, documents and events."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeAlias
from uuid import UUID

from domain.ids import EventId, OrderId, UserId
from domain.order.history import Step
from domain.order.status import OrderStatus

#: A message's headers in their original order. Names can repeat, and values are any bytes or null.
Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class OrderDocument:
    """An order as returned by the API: encoded bytes, plus the values the service itself needs."""

    owner: UserId
    version: int  # incremented by every step in the lifecycle
    revision: int  # incremented by every write, including processing
    is_processed: bool
    body: bytes


class OrderRecord(NamedTuple):
    """A stored order. It's flat, and `items` is the JSON text from the document.

    This is a tuple because tuples are the fastest immutable type to create, and listing orders
    creates two hundred of them.
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
    """One row in the outbox, which is published as one message.

    `id` stays the same for every delivery of the event. `subject` is the id of the order (or of the
    dead letter, if this is its copy), and the events for one subject are sorted by `revision`. If
    the message is a copy of another message, `original` is set. If `payload` is None, the message
    has a null value (it's a tombstone). `is_replay` is set if the event was published before.
    """

    id: EventId
    subject: UUID
    version: int
    revision: int
    topic: str
    type: str
    payload: bytes | None
    at: datetime
    traceparent: str | None = None  # W3C Trace Context from the request that caused the event
    original: "Original | None" = None
    is_replay: bool = field(default=False, compare=False)  # describes this delivery, not the event


@dataclass(frozen=True, slots=True)
class Original:
    """The key and headers of the message that is being copied."""

    key: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class OrderWrite:
    """One rendered write to an order. Adapters store either all of it or nothing."""

    record: OrderRecord
    document: OrderDocument
    event: Event
    step: Step | None
