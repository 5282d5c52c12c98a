"""Events as messages: CloudEvents 1.0, in the binary content mode of its Kafka binding (3.2)."""

from application.documents import Event
from application.ports.events import Delivery


def message_of(event: Event) -> Delivery:
    """The message that tells of `event`; a copy looks like its original."""
    if event.original is not None:
        return Delivery(event.original.key, event.payload, event.original.headers)
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(event.id),
        "ce_type": event.type,
        "ce_source": "/orders",
        "ce_subject": str(event.subject),
        "ce_time": event.at.isoformat().replace("+00:00", "Z"),
        "content-type": "application/json",
    }
    if event.traceparent is not None:
        headers["traceparent"] = event.traceparent
    return Delivery(str(event.subject).encode(), event.payload, headers)
