"""The headers of messages: CloudEvents 1.0 in Kafka's binary mode, and those of dead letters."""

from typing import Any, Final

from application.delivery.dead_letters import ATTEMPTS_HEADER, LONGEST_REASON, REASON_HEADER

Schema = dict[str, Any]

_UUID: Final = {"type": "string", "format": "uuid"}

#: The headers that `CloudEventsEncoder` writes; each is text in UTF-8.
CLOUD_EVENT: Final[Schema] = {
    "title": "CloudEvent",
    "description": "CloudEvents 1.0, each attribute a header of the record.",
    "type": "object",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {
            **_UUID,
            "description": "The event's id: the same at every delivery of it.",
        },
        "ce_type": {"type": "string", "description": "The type of the event."},
        "ce_source": {"const": "/orders"},
        "ce_subject": {**_UUID, "description": "The order's id, which is the record's key too."},
        "ce_time": {
            "type": "string",
            "format": "date-time",
            "description": "When it happened: RFC 3339, in UTC.",
        },
        "content-type": {"const": "application/json"},
        "traceparent": {
            "type": "string",
            "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            "description": (
                "W3C Trace Context: of the trace of the request behind the event, or of a new one."
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
        "The unchanged headers of the message, and the reason for which it was given up. The"
        " service's own messages have those of a CloudEvent."
    ),
    "type": "object",
    "properties": {
        REASON_HEADER: {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_REASON,
            "description": "The reason for which it was given up.",
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
    """The headers of the events of one type."""
    return {
        "type": "object",
        "allOf": [
            {"$ref": "#/components/schemas/CloudEvent"},
            {"properties": {"ce_type": {"const": kind}}},
        ],
    }
