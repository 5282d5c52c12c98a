import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from application.documents import Event, Original
from application.ports.events import Delivery, EventSource, PublishReport
from tests.contract.bundles import Bus
from tests.support.deadlines import LONG
from tests.support.messages import MESSAGES, WITH_SERVERS
from tests.support.orders import (
    CANCELED,
    STAFF,
    a_placed_order,
    a_user_id,
    rendered_write,
)
from tests.support.storage_actions import acknowledged
from tests.support.time import NOW

NEW_ORDER = "new_order"


def new_orders(count: int) -> list[Event]:
    return [rendered_write(a_placed_order(a_user_id())).event for _ in range(count)]


async def received(source: EventSource, count: int) -> Sequence[Delivery]:
    """Receive `count` deliveries, no matter how many batches it takes."""
    deliveries: list[Delivery] = []
    async with asyncio.timeout(LONG):
        while len(deliveries) < count:
            some = await source.receive()
            assert some
            deliveries += some
            await source.commit()
    return deliveries


def ids(deliveries: Sequence[Delivery]) -> list[UUID]:
    return [UUID(str(text(delivery, "ce_id"))) for delivery in deliveries]


def text(delivery: Delivery, name: str) -> str | None:
    value = delivery.header(name)
    return None if value is None else value.decode()


@pytest.fixture
async def source(bus: Bus) -> EventSource:
    return await bus.listen(NEW_ORDER)


async def test_an_event_arrives_as_a_cloud_event_with_its_orders_key(bus: Bus) -> None:
    source = await bus.listen(NEW_ORDER)
    [event] = new_orders(1)
    report = await bus.publisher.publish([event])
    assert acknowledged(report) == [event.id]
    [delivery] = await received(source, 1)
    assert delivery.key == str(event.subject).encode()
    assert delivery.value == event.payload
    assert text(delivery, "ce_id") == str(event.id)
    assert text(delivery, "ce_type") == "order.created"
    assert text(delivery, "ce_subject") == str(event.subject)
    assert text(delivery, "ce_time") == "2026-01-02T03:04:05.678901Z"
    assert text(delivery, "content-type") == "application/json"
    assert text(delivery, "ce_source")
    assert text(delivery, "traceparent") == event.traceparent


async def test_an_event_has_the_trace_of_its_request(bus: Bus) -> None:
    source = await bus.listen(NEW_ORDER)
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    await bus.publisher.publish([replace(new_orders(1)[0], traceparent=traceparent)])
    [delivery] = await received(source, 1)
    assert text(delivery, "traceparent") == traceparent


@WITH_SERVERS
@given(messages=st.lists(MESSAGES, min_size=1, max_size=5))
@example(messages=[Delivery(None, None), Delivery(b"", b"", (("", b""), ("", None)))])
async def test_a_copy_is_its_original_byte_for_byte(
    bus: Bus, source: EventSource, messages: list[Delivery]
) -> None:
    copies = [
        replace(event, payload=message.value, original=Original(message.key, message.headers))
        for event, message in zip(new_orders(len(messages)), messages, strict=True)
    ]
    report = await bus.publisher.publish(copies)
    assert sorted(acknowledged(report)) == sorted(copy.id for copy in copies)
    arrived = await received(source, len(messages))
    assert Counter(arrived) == Counter(messages)


async def test_events_of_an_order_arrive_in_order(bus: Bus) -> None:
    source = await bus.listen(NEW_ORDER)
    events = [
        replace(event, id=rendered_write(a_placed_order(a_user_id())).event.id, revision=revision)
        for revision in (1, 2, 3)
        for event in new_orders(1) * 2
    ]
    await bus.publisher.publish(events)
    deliveries = await received(source, len(events))
    assert sorted(ids(deliveries)) == sorted(event.id for event in events)
    for key in {delivery.key for delivery in deliveries}:
        of_one = [event.id for event in events if str(event.subject).encode() == key]
        assert ids([delivery for delivery in deliveries if delivery.key == key]) == of_one


async def test_acknowledged_events_have_ascending_placements(bus: Bus) -> None:
    [first] = new_orders(1)
    events = [replace(new_orders(1)[0], subject=first.subject, revision=n) for n in (1, 2, 3)]
    placements = (await bus.publisher.publish(events)).acknowledged
    placed = [(placements[e.id].log, placements[e.id].offset) for e in events]
    assert placed == sorted(set(placed))


async def test_a_topic_has_only_its_own_events(bus: Bus) -> None:
    source = await bus.listen(NEW_ORDER)
    new = a_placed_order(a_user_id())
    placed = rendered_write(new).event
    canceled = rendered_write(new.order.move_to(CANCELED, STAFF, None, NOW)).event
    [last] = new_orders(1)
    await bus.publisher.publish([canceled, placed, last])
    assert sorted(ids(await received(source, 2))) == sorted([placed.id, last.id])


async def test_uncommitted_messages_are_received_again(bus: Bus) -> None:
    source = await bus.listen(NEW_ORDER)
    [event] = new_orders(1)
    events = [replace(event, id=new_orders(1)[0].id, revision=n) for n in range(1, 11)]
    await bus.publisher.publish(events[:5])
    first = await source.receive()
    assert ids(first) == [event.id for event in events[: len(first)]]
    await bus.publisher.publish(events[5:])
    assert ids(await received(source, 10)) == [event.id for event in events]


async def test_receiving_waits_for_a_message(bus: Bus) -> None:
    source = await bus.listen(NEW_ORDER)
    receiving = asyncio.create_task(received(source, 1))
    await asyncio.sleep(0.05)
    assert not receiving.done()
    [event] = new_orders(1)
    await bus.publisher.publish([event])
    assert ids(await receiving) == [event.id]


async def test_the_lag_is_the_number_of_uncommitted_messages(bus: Bus) -> None:
    source = await bus.listen(NEW_ORDER)
    await bus.publisher.publish(new_orders(3))
    async with asyncio.timeout(LONG):
        await source.receive()
        assert sum((await source.lag()).values()) == 3
        await source.commit()
        while sum((await source.lag()).values()):
            await source.receive()
            await source.commit()


async def test_a_canceled_receiver_loses_no_message(bus: Bus) -> None:
    source = await bus.listen(NEW_ORDER)
    receiving = asyncio.create_task(source.receive())
    await asyncio.sleep(0.05)
    receiving.cancel()
    await asyncio.wait([receiving])
    [event] = new_orders(1)
    await bus.publisher.publish([event])
    assert ids(await received(source, 1)) == [event.id]


async def test_a_repeated_event_arrives_with_the_same_id(bus: Bus) -> None:
    source = await bus.listen(NEW_ORDER)
    [event] = new_orders(1)
    for _ in range(2):
        await bus.publisher.publish([event])
    assert ids(await received(source, 2)) == [event.id] * 2


async def test_an_event_without_subscribers_is_accepted(bus: Bus) -> None:
    events = new_orders(3)
    report = await bus.publisher.publish(events)
    assert set(acknowledged(report)) == {event.id for event in events}


async def test_an_empty_publication_is_allowed(bus: Bus) -> None:
    assert await bus.publisher.publish([]) == PublishReport()
