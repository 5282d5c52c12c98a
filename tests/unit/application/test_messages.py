from dataclasses import replace

import pytest

from application.delivery.messages import message_of
from application.documents import Event, Original
from tests.support.orders import a_placed_order, a_user_id, an_order_write


@pytest.fixture
def event() -> Event:
    return an_order_write(a_placed_order(a_user_id())).event


def test_an_event_is_a_cloud_event_under_the_key_of_what_it_tells_of(event: Event) -> None:
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
