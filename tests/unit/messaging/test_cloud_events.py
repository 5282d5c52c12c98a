from dataclasses import replace

import pytest

from application.delivery.topics import NEW_ORDER, STATUS_CHANGED
from application.documents import Event, Original
from application.ports.events import Delivery, ReceivedEvent
from application.ports.stored_records import StoredRecord
from domain.ids import OrderId
from domain.order.status import OrderStatus
from entrypoints.messaging.cloud_events import Unreadable, parse_event
from tests.support.messages import DECODER, message_of
from tests.support.orders import CANCELED, STAFF, a_placed_order, a_user_id, rendered_write
from tests.support.time import NOW

PENDING = OrderStatus.PENDING


@pytest.fixture
def event() -> Event:
    return rendered_write(a_placed_order(a_user_id())).event


def test_an_event_is_encoded_as_a_cloud_event_with_its_subject_as_key(event: Event) -> None:
    message = message_of(event)
    assert message.key == str(event.subject).encode()
    assert message.value == event.payload
    assert dict(message.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": str(event.id).encode(),
        "ce_type": b"order.created",
        "ce_source": b"/orders",
        "ce_subject": str(event.subject).encode(),
        "ce_time": b"2026-01-02T03:04:05.678901Z",
        "content-type": b"application/json",
        "traceparent": (event.traceparent or "").encode(),
    }


def test_the_trace_of_the_request_travels_with_the_event(event: Event) -> None:
    message = message_of(replace(event, traceparent="00-a-b-01"))
    assert message.header("traceparent") == b"00-a-b-01"
    assert message_of(replace(event, traceparent=None)).header("traceparent") is None


@pytest.mark.parametrize("key", [b"whatever came", None])
def test_a_copy_looks_like_its_original(event: Event, key: bytes | None) -> None:
    headers = (("ce_id", b"1"), ("odd", b"\xff"), ("null", None), ("ce_id", b"2"))
    message = message_of(replace(event, original=Original(key, headers)))
    assert (message.key, message.value, message.headers) == (key, event.payload, headers)


def announcement() -> Delivery:
    return message_of(rendered_write(a_placed_order(a_user_id())).event)


def with_header(delivery: Delivery, name: str, value: bytes | None) -> Delivery:
    return replace(delivery, headers=(*delivery.headers, (name, value)))


#: Unreadable messages.
BAD = {
    "no key": replace(announcement(), key=None),
    "a key that is no UUID": replace(announcement(), key=b"order 1"),
    "a key that is no text": replace(announcement(), key=b"\xff\x00"),
    "a key in braces": replace(announcement(), key=b"{%s}" % announcement().key),
    "another's key": replace(announcement(), key=announcement().key),
    "another type": with_header(announcement(), "ce_type", b"order.processed"),
    "no type": replace(announcement(), headers=()),
    "a type that is null": with_header(announcement(), "ce_type", None),
    "a type that is no text": with_header(announcement(), "ce_type", b"\xff"),
    "no value": replace(announcement(), value=b""),
    "a tombstone": replace(announcement(), value=None),
    "a record that cannot be decoded": Delivery(None, None, defect="it is corrupt"),
    "no JSON": replace(announcement(), value=b"\xff{"),
    "half of a character": replace(announcement(), value=b'{"id": "\\ud800"}'),
    "no object": replace(announcement(), value=b"[]"),
    "no id": replace(announcement(), value=b"{}"),
    "an id that is no UUID": replace(announcement(), value=b'{"id": 1}'),
    "deep brackets": replace(announcement(), value=b'{"x": ' + b"[" * 100_000),
}


def test_an_event_is_read() -> None:
    event = rendered_write(a_placed_order(a_user_id())).event
    assert parse_event(NEW_ORDER, message_of(event)) == ReceivedEvent(
        id=event.id, type="order.created", order_id=OrderId(event.subject), status=PENDING
    )


def test_a_change_of_status_is_read() -> None:
    order = a_placed_order(a_user_id()).order
    event = rendered_write(order.move_to(CANCELED, STAFF, None, NOW)).event
    received = parse_event(STATUS_CHANGED, message_of(event))
    assert (received.order_id, received.status) == (order.id, CANCELED)


@pytest.mark.parametrize("status", [b'"RETURNED"', b"7", b"null"])
def test_a_status_of_another_release_is_read_as_none(status: bytes) -> None:
    message = announcement()
    value = b'{"id": "%s", "status": %s}' % (message.key, status)
    assert parse_event(NEW_ORDER, replace(message, value=value)).status is None


@pytest.mark.parametrize("ce_id", [None, b"1", b"\xff"])
def test_the_id_of_a_message_without_one_depends_on_its_content(
    ce_id: bytes | None,
) -> None:
    message = with_header(announcement(), "ce_id", ce_id)
    received = parse_event(NEW_ORDER, message)
    assert parse_event(NEW_ORDER, replace(message)).id == received.id
    assert parse_event(NEW_ORDER, with_header(message, "x", b"")).id != received.id


@pytest.mark.parametrize("what", BAD)
def test_an_unreadable_message_is_refused_with_the_reason(what: str) -> None:
    with pytest.raises(Unreadable, match=r".+"):
        parse_event(NEW_ORDER, BAD[what])


# --- Stored records


def test_a_stored_record_has_the_parts_of_its_event() -> None:
    placed = a_placed_order(a_user_id())
    moved = placed.order.move_to(CANCELED, STAFF, None, NOW)
    assert moved is not None
    processed = moved.order.finish_processing(NOW)
    assert processed is not None
    for change in (placed, moved, processed):
        event = rendered_write(change).event
        assert DECODER.stored_record(event.topic, message_of(event)) == StoredRecord(
            str(event.subject).encode(), event.id, event.version
        )


@pytest.mark.parametrize("value", [None, b"", b"?", b"[]", b"[" * 100_000, b'{"order": {}}'])
@pytest.mark.parametrize("topic", [NEW_ORDER, STATUS_CHANGED, "new_order.dlq"])
def test_a_stored_record_of_another_program_has_no_version(topic: str, value: bytes | None) -> None:
    headers = (("ce_id", b"\xff"),)
    assert DECODER.stored_record(topic, Delivery(b"", value, headers)) == StoredRecord(b"")
