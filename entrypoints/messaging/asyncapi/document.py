"""The AsyncAPI document, made from the table of messages."""

import json
from collections.abc import Mapping
from typing import Any, Final

from application.delivery.topics import NEW_ORDER, PROCESSING
from application.ports.events import Delivery
from entrypoints.http.about import VERSION
from entrypoints.http.openapi.schemas import schemas_of
from entrypoints.messaging.asyncapi.headers import CLOUD_EVENT, DEAD_LETTER, Schema
from entrypoints.messaging.asyncapi.messages import MESSAGES, Message

_BINDING: Final = "0.5.0"

_DESCRIPTION: Final = """\
The events of orders, published on Kafka as CloudEvents 1.0 in the binary content mode: the
attributes are headers of the record, its value is JSON, its key the order's id.

**Topics** have the names given here after `KAFKA_TOPIC_PREFIX`, which is empty unless a cluster
is shared: with the prefix `shop-a.` a topic is `shop-a.new_order`. The same applies to the
consumer group. Missing topics are created with the partitions given here, on up to three brokers,
one of which may be down. Do not add partitions later: that would change the partition of orders.

**Delivery is at least once.** An event is stored in the transaction of its change, and sent
(`acks=all`, by an idempotent producer) until it is acknowledged. After an outage of Kafka it is
late, but never missing. A crash, or an operator's `orders outbox replay`, may repeat it with the
same `ce_id`.

**Order.** The first deliveries of an order's events on a topic come in the order of their
versions. Each value has the order's `version`. A consumer stores the last version that it has
processed of an order, and skips an event that is not newer. There is no order between topics: a
step may arrive before the order.

**Extensions** may be added: ignore headers, fields and types that you do not know.

**Dead letters** are unchanged messages that no consumer could process, with `dlq_reason` and
`dlq_attempts` beside their own headers.

Without `KAFKA_BOOTSTRAP_SERVERS`, events stay in the process of the service.
"""

_SERVER: Final = {
    "host": "{bootstrapServers}",
    "protocol": "kafka",
    "description": (
        "The cluster of `KAFKA_BOOTSTRAP_SERVERS`; `KAFKA_SECURITY_PROTOCOL` and `KAFKA_SASL_*`"
        " configure the access."
    ),
    "variables": {
        "bootstrapServers": {
            "description": "`host:port` of any broker.",
            "default": "localhost:9092",
        }
    },
}


def document_text(partitions: Mapping[str, int]) -> str:
    """Return the document as indented JSON: the same text every time."""
    return f"{json.dumps(document(partitions), indent=2)}\n"


def document(partitions: Mapping[str, int]) -> dict[str, Any]:
    """Return the document; `partitions` has the number of partitions of each topic."""
    shapes = [message.shape for message in MESSAGES if message.shape]
    schemas, components = schemas_of(shapes)
    components |= {each["title"]: each for each in (CLOUD_EVENT, DEAD_LETTER)}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Order management service: events",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": _SERVER},
        "channels": {
            message.topic: _channel(message, partitions[message.topic]) for message in MESSAGES
        },
        "operations": dict(map(_sending, MESSAGES)) | {"processOrder": _processing()},
        "components": {
            "messages": {each.id: _message(each, schemas.get(each.shape)) for each in MESSAGES},
            "schemas": dict(sorted(components.items())),
        },
    }


def _channel(message: Message, partitions: int) -> dict[str, Any]:
    kafka = {
        "topic": message.topic,
        "partitions": partitions,
        "bindingVersion": _BINDING,
    }
    return {
        "address": message.topic,
        "title": message.topic,
        "description": message.channel,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {message.id: {"$ref": f"#/components/messages/{message.id}"}},
        "bindings": {"kafka": kafka},
    }


def _message(message: Message, schema: Schema | None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": message.name,
        "title": message.title,
        "description": message.description,
        "headers": message.headers,
        "payload": schema or {"description": "Unchanged."},
        "bindings": {"kafka": {"key": message.key, "bindingVersion": _BINDING}},
        "examples": [_example(name, each) for name, each in message.examples.items()],
    }
    if schema:
        described["contentType"] = "application/json"
    return described


def _example(name: str, delivery: Delivery) -> dict[str, Any]:
    headers = {known: value.decode() for known, value in delivery.headers if value is not None}
    return {"name": name, "headers": headers, "payload": _shown(delivery.value or b"")}


def _shown(value: bytes) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value.decode()


def _sending(message: Message) -> tuple[str, dict[str, Any]]:
    return message.operation, {"action": "send", "summary": message.sends, **_where(message)}


def _processing() -> dict[str, Any]:
    (announcing,) = (message for message in MESSAGES if message.topic == NEW_ORDER)
    group = {"type": "string", "const": PROCESSING}
    return {
        "action": "receive",
        "summary": "Process a new order",
        "description": (
            "`orders consume` hands each order to the workers, and then commits its offset. The"
            " processing has its effect once, however often the message comes. A message without an"
            " order of this service becomes a dead letter, and blocks nothing."
        ),
        **_where(announcing),
        "bindings": {"kafka": {"groupId": group, "bindingVersion": _BINDING}},
    }


def _where(message: Message) -> dict[str, Any]:
    return {
        "channel": {"$ref": f"#/channels/{message.topic}"},
        "messages": [{"$ref": f"#/channels/{message.topic}/messages/{message.id}"}],
    }
