"""Message headers: CloudEvents 1.0 in Kafka's binary mode, and the headers of dead letters."""

from typing import Any, Final

from application.delivery.dead_letters import ATTEMPTS_HEADER, LONGEST_REASON, REASON_HEADER

Schema = dict[str, Any]

_UUID: Final = {"type": "string", "format": "uuid"}

#: The headers that `CloudEventsEncoder` writes. They are UTF-8 strings.
CLOUD_EVENT: Final[Schema] = {
    "title": "CloudEvent",
    "description": "The attributes of CloudEvents 1.0. Each is a header of the record.",
    "type": "object",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {
            **_UUID,
            "description": "The id of the event. It is the same in every delivery.",
        },
        "ce_type": {"type": "string", "description": "The type of the event."},
        "ce_source": {"const": "/orders"},
        "ce_subject": {**_UUID, "description": "The id of the order, and the key of the record."},
        "ce_time": {
            "type": "string",
            "format": "date-time",
            "description": "The time of the event: RFC 3339, in UTC.",
        },
        "content-type": {"const": "application/json"},
        "traceparent": {
            "type": "string",
            "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            "description": (
                "W3C Trace Context: the trace of the request that caused the event, or a new one."
            ),
        },
    },
    "required": [
        "ce_specversion",
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_subject",
        "ce_time",
        "content-type",
        "traceparent",
    ],
}

DEAD_LETTER: Final[Schema] = {
    "title": "DeadLetterHeaders",
    "description": (
        "The message's original headers, and two more. Messages from the service itself have the"
        " headers of a CloudEvent."
    ),
    "type": "object",
    "properties": {
        REASON_HEADER: {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_REASON,
            "description": "The reason why the message could not be processed.",
        },
        ATTEMPTS_HEADER: {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "The number of attempts.",
        },
    },
    "additionalProperties": {"type": "string"},
    "required": [REASON_HEADER, ATTEMPTS_HEADER],
}


def cloud_event_of(kind: str) -> Schema:
    """Return the header schema for one event type."""
    return {
        "type": "object",
        "allOf": [
            {"$ref": "#/components/schemas/CloudEvent"},
            {"properties": {"ce_type": {"const": kind}}},
        ],
    }
