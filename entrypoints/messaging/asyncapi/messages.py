"""The message table, with each message's topic, headers, value and examples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from application.delivery.topics import DEAD_LETTERS, NEW_ORDER, PROCESSED, STATUS_CHANGED, TYPES
from application.ports.events import Delivery
from entrypoints.http.messages.schemas import OrderSchema
from entrypoints.messaging.asyncapi.examples import (
    DEAD_LETTER_COPIES,
    PLACED_ORDERS,
    PROCESSED_ORDERS,
    STATUS_CHANGES,
)
from entrypoints.messaging.asyncapi.headers import Schema, cloud_event_of
from entrypoints.messaging.asyncapi.schemas import OrderProcessed, OrderStatusChanged

_ORDER_ID: Final[Schema] = {"type": "string", "format": "uuid", "description": "The order's id."}
_ANY_KEY: Final[Schema] = {"type": ["string", "null"], "description": "Unchanged."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A topic's message type. `value_type` is None if any value is allowed."""

    topic: str
    id: str
    name: str
    title: str
    description: str
    value_type: Any
    headers: Schema
    examples: Mapping[str, Delivery]
    key: Schema
    #: The description of the topic.
    channel: str
    operation: str
    #: The summary of the send operation.
    sends: str


def _event(topic: str, **described: Any) -> Message:
    kind = TYPES[topic]
    return Message(topic=topic, name=kind, headers=cloud_event_of(kind), key=_ORDER_ID, **described)


MESSAGES: Final = (
    _event(
        NEW_ORDER,
        id="OrderCreated",
        title="An order was placed",
        description="The value is the order as the API shows it, at version 1.",
        value_type=OrderSchema,
        examples=PLACED_ORDERS,
        channel="Every new order. The service itself consumes this topic and processes the orders.",
        operation="announceOrder",
        sends="Publish a new order",
    ),
    _event(
        STATUS_CHANGED,
        id="OrderStatusChanged",
        title="The status of an order has changed",
        description="`order.version` is the step's number, and `reason` is null if none was given.",
        value_type=OrderStatusChanged,
        examples=STATUS_CHANGES,
        channel="Every status change of an order, with its actor and reason.",
        operation="publishStep",
        sends="Publish a status change",
    ),
    _event(
        PROCESSED,
        id="OrderProcessed",
        title="An order was processed",
        description=(
            "There is one such event for each order. Processing is not a step in the lifecycle, so"
            " `order.version` stays the same. `skipped` means that the order was canceled before it"
            " was processed."
        ),
        value_type=OrderProcessed,
        examples=PROCESSED_ORDERS,
        channel="The outcome of processing each order.",
        operation="publishProcessing",
        sends="Publish the outcome of an order's processing",
    ),
    Message(
        topic=DEAD_LETTERS,
        id="DeadLetter",
        name="dead-letter",
        title="A message that could not be processed",
        description=(
            "Key, headers and value are those of the original message, byte for byte. Two"
            " additional headers contain the reason and the number of attempts."
        ),
        value_type=None,
        headers={"$ref": "#/components/schemas/DeadLetterHeaders"},
        examples=DEAD_LETTER_COPIES,
        key=_ANY_KEY,
        channel=(
            "Copies of messages that could not be read, and of messages whose processing failed"
            " five times. The dead letters themselves are stored in PostgreSQL. `orders dlq replay`"
            " publishes one again, unchanged, to its original topic."
        ),
        operation="deadLetterMessage",
        sends="Publish a copy of a dead letter",
    ),
)
