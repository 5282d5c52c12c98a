"""Events as messages: CloudEvents 1.0, in the binary content mode of its Kafka binding (3.2)."""

from application.documents import Event, Headers
from application.ports.events import Delivery


def message_of(event: Event) -> Delivery:
    """The message that tells of `event`; a copy looks like its original."""
    if event.original is not None:
        return Delivery(event.original.key, event.payload, event.original.headers)
    subject = str(event.subject).encode()
    headers: Headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", str(event.id).encode()),
        ("ce_type", event.type.encode()),
        ("ce_source", b"/orders"),
        ("ce_subject", subject),
        ("ce_time", event.at.isoformat().replace("+00:00", "Z").encode()),
        ("content-type", b"application/json"),
    )
    if event.traceparent is not None:
        headers += (("traceparent", event.traceparent.encode()),)
    return Delivery(subject, event.payload, headers)
