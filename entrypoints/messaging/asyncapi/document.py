"""Generate the AsyncAPI document from the tables of messages and subscriptions."""

import json
from collections.abc import Mapping
from inspect import getdoc
from typing import Any, Final

from application.ports.events import Delivery
from entrypoints.http.about import VERSION
from entrypoints.http.openapi.schemas import schemas_of
from entrypoints.messaging.asyncapi.headers import CLOUD_EVENT, DEAD_LETTER, Schema
from entrypoints.messaging.asyncapi.messages import MESSAGES, Message
from entrypoints.messaging.subscriptions import SUBSCRIPTIONS, Subscription

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
        "operations": {
            **dict(map(_send_operation, MESSAGES)),
            **dict(map(_receive_operation, SUBSCRIPTIONS)),
        },
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


def _receive_operation(subscription: Subscription) -> tuple[str, dict[str, Any]]:
    """Describe a consumer. Its use case's name and docstring are the id and the summary."""
    (message,) = (message for message in MESSAGES if message.topic == subscription.topic)
    name, doc = subscription.handler.__name__, getdoc(subscription.handler) or ""
    group = {"type": "string", "const": subscription.group}
    setting = subscription.required_setting
    operation = {
        "action": "receive",
        "summary": doc.partition("\n")[0].removesuffix("."),
        "description": (
            f"The service's own consumer `{subscription.group}`, which `orders consume` runs."
            + (f" It is off unless `{setting}` is set." if setting else "")
            + " It commits the offset of a message after its effect. Delivering a processed event"
            " again does not repeat the effect. Messages that cannot be processed, and messages"
            " about unknown orders, become dead letters and do not delay the next messages."
        ),
        **_references(message),
        "bindings": {"kafka": {"groupId": group, "bindingVersion": _BINDING}},
    }
    return f"{name[0].lower()}{name[1:]}", operation


def _references(message: Message) -> dict[str, Any]:
    return {
        "channel": {"$ref": f"#/channels/{message.topic}"},
        "messages": [{"$ref": f"#/channels/{message.topic}/messages/{message.id}"}],
    }
