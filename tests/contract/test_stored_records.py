"""Records that the broker has stored, read by their offsets."""

from application.documents import Event
from application.ports.events import Delivery
from application.ports.stored_records import LogExcerpt, StoredRecord
from tests.contract.bundles import Logs
from tests.support.orders import a_placed_order, a_user_id, rendered_write

NEW_ORDER = "new_order"


def new_orders(count: int) -> list[Event]:
    return [rendered_write(a_placed_order(a_user_id())).event for _ in range(count)]


def record_of(event: Event) -> StoredRecord:
    return StoredRecord(str(event.subject).encode(), event.id, event.version)


async def test_published_events_are_at_their_placements(logs: Logs) -> None:
    events = new_orders(500)  # more than a consumer returns at once
    placements = await logs.publish(events)
    offsets = sorted(placement.offset for placement in placements.values())
    excerpt = await logs.records.read(NEW_ORDER, 0, offsets)
    assert excerpt == LogExcerpt(
        0, 500, {placements[event.id].offset: record_of(event) for event in events}
    )


async def test_only_the_requested_records_are_returned(logs: Logs) -> None:
    events = new_orders(5)
    await logs.publish(events)
    for offsets in ([1, 3], [4], [0, 2]):
        excerpt = await logs.records.read(NEW_ORDER, 0, offsets)
        assert excerpt.records == {offset: record_of(events[offset]) for offset in offsets}


async def test_there_is_no_record_at_the_end_or_above(logs: Logs) -> None:
    [event] = new_orders(1)
    await logs.publish([event])
    excerpt = await logs.records.read(NEW_ORDER, 0, [0, 1, 7])
    assert excerpt == LogExcerpt(0, 1, {0: record_of(event)})
    assert await logs.records.read(NEW_ORDER, 0, [1, 7]) == LogExcerpt(0, 1, {})


async def test_removed_records_are_below_the_beginning(logs: Logs) -> None:
    events = new_orders(4)
    await logs.publish(events)
    await logs.remove_before(2)
    excerpt = await logs.records.read(NEW_ORDER, 0, [0, 1, 2, 3])
    assert excerpt == LogExcerpt(2, 4, {2: record_of(events[2]), 3: record_of(events[3])})
    await logs.remove_before(4)
    assert await logs.records.read(NEW_ORDER, 0, [0, 3]) == LogExcerpt(4, 4, {})


async def test_a_topic_that_was_deleted_begins_again(logs: Logs) -> None:
    await logs.publish(new_orders(2))
    await logs.empty()
    assert await logs.records.read(NEW_ORDER, 0, [0, 1]) == LogExcerpt(0, 0, {})


async def test_a_missing_topic_or_log_is_empty(logs: Logs) -> None:
    await logs.publish(new_orders(1))
    assert await logs.records.read("order_processed", 0, [0]) == LogExcerpt(0, 0, {})
    assert await logs.records.read(NEW_ORDER, 7, [0]) == LogExcerpt(0, 0, {})


async def test_other_programs_messages_have_the_parts_that_they_have(logs: Logs) -> None:
    messages = [
        Delivery(None, b""),
        Delivery(b"key", b'{"version": "2"}', (("ce_id", b"7"),)),
        Delivery(b"key", b'{"version": 2}'),
        Delivery(b"", None, (("ce_id", None),)),
    ]
    for message in messages:
        await logs.write(message)
    excerpt = await logs.records.read(NEW_ORDER, 0, [0, 1, 2, 3])
    assert [excerpt.records[offset] for offset in range(4)] == [
        StoredRecord(),
        StoredRecord(b"key"),
        StoredRecord(b"key", version=2),
        StoredRecord(b""),
    ]
