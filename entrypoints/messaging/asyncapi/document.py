"""Generate the AsyncAPI document from the message table."""

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
The events of orders, published to Kafka as CloudEvents 1.0 in binary content mode: the attributes
are headers of the record, its value is JSON, and its key is the order's id.

**Topics** have the names below, with the prefix `KAFKA_TOPIC_PREFIX`, which is empty by default. On
a shared cluster, the prefix could be `shop-a.`, for example, and the topic `shop-a.new_order`.
Consumer groups have the same prefix. The service creates missing topics with the partitions below,
on up to three brokers, one of which may be down. Do not add partitions later: that would move
orders from one partition to another.

**Delivery is at least once.** An event is stored in the transaction of its change, and sent
(`acks=all`, by an idempotent producer) until it is acknowledged. After a Kafka outage, it is late
but never missing. A crash or an operator's `orders outbox replay` may repeat it with the
same `ce_id`.

**Ordering.** The events of an order on one topic are first delivered in the order of its versions.
Each value contains the order's `version`, so a consumer can store the latest version of each order
and skip events that are not newer. Events on different topics are not ordered: a status change may
arrive before the order itself.

**Extensions** may be added: ignore unknown headers, fields and event types.

**Dead letters** are messages that could not be processed. They are unchanged, except for two
additional headers: `dlq_reason` and `dlq_attempts`.

Without `KAFKA_BOOTSTRAP_SERVERS`, events do not leave the service's process.
"""

_SERVER: Final = {
    "host": "{bootstrapServers}",
    "protocol": "kafka",
    "description": (
        "The cluster at `KAFKA_BOOTSTRAP_SERVERS`. Use `KAFKA_SECURITY_PROTOCOL` and `KAFKA_SASL_*`"
        " to configure access to it."
    ),
    "variables": {
        "bootstrapServers": {
            "description": "`host:port` of any broker.",
            "default": "localhost:9092",
        }
    },
}


def document_text(partitions: Mapping[str, int]) -> str:
    """Return the document as indented JSON. The text is deterministic."""
    return f"{json.dumps(document(partitions), indent=2)}\n"


def document(partitions: Mapping[str, int]) -> dict[str, Any]:
    """Return the document. `partitions` is the number of partitions per topic."""
    types = [message.value_type for message in MESSAGES if message.value_type]
    schemas, components = schemas_of(types)
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
        "operations": dict(map(_send_operation, MESSAGES)) | {"processOrder": _receive_operation()},
        "components": {
            "messages": {
                each.id: _message(each, schemas.get(each.value_type)) for each in MESSAGES
            },
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


def _send_operation(message: Message) -> tuple[str, dict[str, Any]]:
    return message.operation, {"action": "send", "summary": message.sends, **_references(message)}


def _receive_operation() -> dict[str, Any]:
    (new_order,) = (message for message in MESSAGES if message.topic == NEW_ORDER)
    group = {"type": "string", "const": PROCESSING}
    return {
        "action": "receive",
        "summary": "Process a new order",
        "description": (
            "`orders consume` hands each order to the workers, and then commits the offset."
            " Processing has exactly one effect, no matter how often the message is delivered. A"
            " message that does not contain an order of this service becomes a dead letter, and"
            " does not delay the messages after it."
        ),
        **_references(new_order),
        "bindings": {"kafka": {"groupId": group, "bindingVersion": _BINDING}},
    }


def _references(message: Message) -> dict[str, Any]:
    return {
        "channel": {"$ref": f"#/channels/{message.topic}"},
        "messages": [{"$ref": f"#/channels/{message.topic}/messages/{message.id}"}],
    }
