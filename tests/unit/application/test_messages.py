from dataclasses import replace

import pytest

from application.documents import Event, Original
from application.messages import message_of
from tests.support.orders import a_placed_order, a_user_id, an_order_write


@pytest.fixture
def event() -> Event:
    return an_order_write(a_placed_order(a_user_id())).event


def test_an_event_is_a_cloud_event_under_the_key_of_what_it_tells_of(event: Event) -> None:
    message = message_of(event)
    assert message.key == str(event.subject).encode()
    assert message.value == event.payload
    assert message.headers == {
        "ce_specversion": "1.0",
        "ce_id": str(event.id),
        "ce_type": "order.created",
        "ce_source": "/orders",
        "ce_subject": str(event.subject),
        "ce_time": "2026-01-02T03:04:05.678901Z",
        "content-type": "application/json",
        "traceparent": event.traceparent,
    }


def test_the_trace_of_the_request_travels_with_the_event(event: Event) -> None:
    message = message_of(replace(event, traceparent="00-a-b-01"))
    assert message.headers["traceparent"] == "00-a-b-01"
    assert "traceparent" not in message_of(replace(event, traceparent=None)).headers


@pytest.mark.parametrize("key", [b"whatever came", None])
def test_a_copy_looks_like_its_original(event: Event, key: bytes | None) -> None:
    headers = {"ce_id": "somebody else's", "reason": "unreadable"}
    message = message_of(replace(event, original=Original(key, headers)))
    assert (message.key, message.value, message.headers) == (key, event.payload, headers)
