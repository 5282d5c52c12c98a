"""Every kind of message, as one table: its topic, its headers, its value, and examples of it."""

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
_ANY_KEY: Final[Schema] = {"type": ["string", "null"], "description": "As it came."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent on one topic; `shape` is None where a value may be anything."""

    topic: str
    id: str
    name: str
    title: str
    description: str
    shape: Any
    headers: Schema
    examples: Mapping[str, Delivery]
    key: Schema
    #: What the topic is for, and what the service does there.
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
        channel="Every order, once it is stored. The service itself processes what is told here.",
        operation="announceOrder",
        sends="Announce an order that was placed",
    ),
    _event(
        STATUS_CHANGED,
        id="OrderStatusChanged",
        title="An order has moved a step along its lifecycle",
        description="`order.version` is the step's number; `reason` is null where none was given.",
        shape=OrderStatusChanged,
        examples=STEPS,
        channel="Every step of an order behind its creation: who took it, and why.",
        operation="tellOfStep",
        sends="Tell of a step of an order's lifecycle",
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
        channel="What the processing of each order came to.",
        operation="tellOfProcessing",
        sends="Tell what an order's processing came to",
    ),
    Message(
        topic=DEAD_LETTERS,
        id="DeadLetter",
        name="dead-letter",
        title="A message that was given up",
        description=(
            "Key, headers and value are those of the message as it came, whatever it was; two"
            " headers more say why it was given up, and after how many attempts."
        ),
        shape=None,
        headers={"$ref": "#/components/schemas/DeadLetterHeaders"},
        examples=LETTERS,
        key=_ANY_KEY,
        channel=(
            "Messages of `new_order` that nobody could read, and orders whose processing failed"
            " five times. The letters themselves are kept in PostgreSQL until `orders dlq replay`"
            " puts them back on `new_order`, as they came; these are copies, for whoever wants to"
            " be told."
        ),
        operation="buryMessage",
        sends="Give up a message",
    ),
)
