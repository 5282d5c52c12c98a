"""The table of messages: topic, headers, value and examples of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from application.delivery.topics import DEAD_LETTERS, NEW_ORDER, PROCESSED, STATUS_CHANGED, TYPES
from application.ports.events import Delivery
from entrypoints.http.messages.schemas import OrderSchema
from entrypoints.messaging.asyncapi.examples import LETTERS, PLACED_ORDERS, PROCESSINGS, STEPS
from entrypoints.messaging.asyncapi.headers import Schema, cloud_event_of
from entrypoints.messaging.asyncapi.schemas import OrderProcessed, OrderStatusChanged

_ORDER_ID: Final[Schema] = {"type": "string", "format": "uuid", "description": "The order's id."}
_ANY_KEY: Final[Schema] = {"type": ["string", "null"], "description": "Unchanged."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The message of one topic; `shape` is None if a value may be anything."""

    topic: str
    id: str
    name: str
    title: str
    description: str
    shape: Any
    headers: Schema
    examples: Mapping[str, Delivery]
    key: Schema
    #: The purpose of the topic, and the operation of the service.
    channel: str
    operation: str
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
        shape=OrderSchema,
        examples=PLACED_ORDERS,
        channel="Every new order. The service itself consumes this topic, to process the orders.",
        operation="announceOrder",
        sends="Announce an order that was placed",
    ),
    _event(
        STATUS_CHANGED,
        id="OrderStatusChanged",
        title="An order has moved a step along its lifecycle",
        description="`order.version` is the step's number; `reason` is null if none was given.",
        shape=OrderStatusChanged,
        examples=STEPS,
        channel="Every step of an order after its creation, with its actor and reason.",
        operation="publishStep",
        sends="Publish a step of an order's lifecycle",
    ),
    _event(
        PROCESSED,
        id="OrderProcessed",
        title="An order's processing has had its effect",
        description=(
            "There is one of these for each order. Processing is no step of the lifecycle:"
            " `order.version` is that of the step before it. `skipped`: the order had been"
            " canceled before."
        ),
        shape=OrderProcessed,
        examples=PROCESSINGS,
        channel="The outcome of the processing of each order.",
        operation="publishProcessing",
        sends="Publish the outcome of an order's processing",
    ),
    Message(
        topic=DEAD_LETTERS,
        id="DeadLetter",
        name="dead-letter",
        title="A message that was given up",
        description=(
            "Key, headers and value are those of the original message, byte for byte. Two more"
            " headers have the reason for which it was given up, and the number of attempts."
        ),
        shape=None,
        headers={"$ref": "#/components/schemas/DeadLetterHeaders"},
        examples=LETTERS,
        key=_ANY_KEY,
        channel=(
            "Copies of messages that could not be read, and of messages whose processing failed"
            " five times. The dead letters themselves are stored in PostgreSQL. `orders dlq replay`"
            " publishes one again on its own topic, unchanged."
        ),
        operation="deadLetterMessage",
        sends="Give up a message",
    ),
)
