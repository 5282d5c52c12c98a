import asyncio
from collections import defaultdict
from uuid import UUID

import pytest

from application.delivery.retry_policy import MAX_REJECTIONS
from application.documents import Event
from application.ports.events import OutboxBatch, Placement
from domain.ids import OrderId
from tests.support.adapters import Adapters
from tests.support.deadlines import LONG
from tests.support.orders import CANCELED, PAID, SHIPPED
from tests.support.storage_actions import an_owner, move, place, placed, process, publish, waiting

#: The longest that a rejected event can wait, in seconds.
LONGEST_WAIT = 60
#: The longest that a postponed event can pause, in seconds.
LONGEST_PAUSE = 10
AN_HOUR = 3_600


async def test_an_empty_outbox_has_an_empty_batch(adapters: Adapters) -> None:
    assert await waiting(adapters.outbox) == []


async def test_there_is_work_while_an_event_waits(adapters: Adapters) -> None:
    assert not await adapters.outbox.has_work()
    await place(adapters)
    assert await adapters.outbox.has_work()
    await publish(adapters.outbox)
    assert not await adapters.outbox.has_work()


async def test_a_cache_debt_counts_as_work(adapters: Adapters) -> None:
    written = await place(adapters)
    async with adapters.outbox.batch(1) as batch:
        await batch.published({written.event.id: Placement(0, 0)}, {written.record.id})
    assert await adapters.outbox.has_work()


async def test_only_the_earliest_event_of_each_order_is_eligible(adapters: Adapters) -> None:
    one, other = [await place(adapters) for _ in range(2)]
    await move(adapters, one.record.id, PAID, SHIPPED)
    assert await waiting(adapters.outbox) == [one.event, other.event]


async def test_a_batch_is_limited_and_starts_with_the_oldest_event(
    adapters: Adapters,
) -> None:
    events = [(await place(adapters)).event for _ in range(5)]
    assert await waiting(adapters.outbox, 3) == events[:3]
    assert await publish(adapters.outbox, 3) == events[:3]
    assert await publish(adapters.outbox, 3) == events[3:]
    assert await publish(adapters.outbox, 3) == []


async def test_a_batch_of_new_events_retries_and_replays_is_limited(adapters: Adapters) -> None:
    replays = [(await place(adapters)).event for _ in range(3)]
    await publish(adapters.outbox)
    for event in replays:
        await adapters.outbox_admin.replay_order(OrderId(event.subject))
    retries = [(await place(adapters)).event for _ in range(2)]
    async with adapters.outbox.batch(2) as batch:
        await batch.rejected({event.id: "too large" for event in batch.events})
    await adapters.pass_time(LONGEST_WAIT)
    new = [(await place(adapters)).event for _ in range(2)]
    for size in range(8):
        batch_events = await waiting(adapters.outbox, size)
        assert len(batch_events) == min(size, 7)
        assert batch_events[:4] == [*new, *retries][:size]
        assert all(event in replays for event in batch_events[4:])


async def test_events_of_an_order_are_published_by_revision(
    adapters: Adapters,
) -> None:
    written = await place(adapters)
    paid = await move(adapters, written.record.id, PAID)
    processed = await process(adapters, written.record.id)
    canceled = await move(adapters, written.record.id, CANCELED)
    published = [await publish(adapters.outbox) for _ in range(5)]
    assert published == [[written.event], [paid.event], [processed.event], [canceled.event], []]


async def test_an_event_is_in_one_batch_only(adapters: Adapters) -> None:
    one, other = [(await place(adapters)).event for _ in range(2)]
    async with adapters.outbox.batch(1) as first, adapters.outbox.batch(10) as second:
        assert list(first.events) == [one]
        assert list(second.events) == [other]


async def test_no_later_event_of_a_held_events_order_is_eligible(
    adapters: Adapters,
) -> None:
    written = await place(adapters)
    async with adapters.outbox.batch(10) as batch:
        assert list(batch.events) == [written.event]
        paid = await move(adapters, written.record.id, PAID)
        assert await waiting(adapters.outbox) == []
        await batch.published({written.event.id: Placement(0, 0)})
    assert await waiting(adapters.outbox) == [paid.event]


async def test_an_unmarked_event_is_eligible_again(adapters: Adapters) -> None:
    one, other = [(await place(adapters)).event for _ in range(2)]
    async with adapters.outbox.batch(10) as batch:
        await batch.published({other.id: Placement(0, 0)})
    assert await waiting(adapters.outbox) == [one]


async def mark_and_die(adapters: Adapters) -> None:
    async with adapters.outbox.batch(10) as batch:
        await batch.published({batch.events[0].id: Placement(0, 0)})
        await batch.rejected({batch.events[1].id: "too large"})
        await batch.published({}, [OrderId(batch.events[1].subject)])
        raise RuntimeError("the relay dies")


async def test_a_dead_relay_releases_its_batch_unmarked(adapters: Adapters) -> None:
    events = [(await place(adapters)).event for _ in range(3)]
    with pytest.raises(RuntimeError, match="the relay dies"):
        await mark_and_die(adapters)
    assert await waiting(adapters.outbox) == events
    assert await adapters.stored_facts.published() == []
    assert await adapters.stored_facts.errors() == {}
    assert await adapters.cache_debts.oldest(10) == []


async def test_a_canceled_relay_releases_its_batch(adapters: Adapters) -> None:
    event = (await place(adapters)).event
    held = asyncio.Event()

    async def hold() -> None:
        async with adapters.outbox.batch(10):
            held.set()
            await asyncio.Event().wait()

    relay = asyncio.create_task(hold())
    await held.wait()
    assert await waiting(adapters.outbox) == []
    relay.cancel()
    await asyncio.wait([relay])
    # The server doesn't release the locks until it has noticed that the client is gone.
    async with asyncio.timeout(LONG):
        while not (left := await waiting(adapters.outbox)):  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.02)
    assert left == [event]


async def test_positions_follow_the_order_of_publication(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    one, two, three = [(await place(adapters, owner)).event.id for _ in range(3)]
    async with adapters.outbox.batch(2) as batch:
        await batch.published({two: Placement(0, 0)})
        await batch.published({one: Placement(1, 0)})
    await publish(adapters.outbox)
    assert await adapters.stored_facts.published() == [two, one, three]


async def refuse(adapters: Adapters, *events: Event) -> None:
    """Reject events. They wait until the test moves the clock, no matter how slow it is."""
    async with adapters.outbox.batch(10) as batch:
        assert set(batch.events) >= set(events)
        await batch.rejected({event.id: "too large" for event in events})
    await adapters.pass_time(-AN_HOUR)


async def let_pass(adapters: Adapters, seconds: float) -> None:
    """Move the clock to this many seconds after the last rejection."""
    await adapters.pass_time(AN_HOUR + seconds)


async def test_a_rejected_event_waits_before_later_ones_of_its_order(
    adapters: Adapters,
) -> None:
    stubborn = await place(adapters)
    await move(adapters, stubborn.record.id, PAID)
    await refuse(adapters, stubborn.event)
    assert await waiting(adapters.outbox) == []
    assert await adapters.stored_facts.errors() == {stubborn.event.id: "too large"}
    await let_pass(adapters, LONGEST_WAIT)
    assert await waiting(adapters.outbox) == [stubborn.event]


async def test_a_rejected_event_does_not_delay_other_orders(adapters: Adapters) -> None:
    stubborn, other = [await place(adapters) for _ in range(2)]
    await refuse(adapters, stubborn.event)
    assert await waiting(adapters.outbox, 1) == [other.event]


async def test_each_rejection_lengthens_the_wait(adapters: Adapters) -> None:
    stubborn = (await place(adapters)).event
    for _ in range(6):
        await refuse(adapters, stubborn)
        await let_pass(adapters, LONGEST_WAIT)
    other = (await place(adapters)).event
    await refuse(adapters, stubborn, other)
    await let_pass(adapters, LONGEST_WAIT / 4)
    assert await waiting(adapters.outbox) == [other]
    await adapters.pass_time(LONGEST_WAIT)
    assert await waiting(adapters.outbox) == [other, stubborn]


async def test_publication_clears_the_error_of_a_rejected_event(
    adapters: Adapters,
) -> None:
    stubborn = (await place(adapters)).event
    await refuse(adapters, stubborn)
    await let_pass(adapters, LONGEST_WAIT)
    assert await publish(adapters.outbox) == [stubborn]
    assert await adapters.stored_facts.errors() == {}
    assert await adapters.stored_facts.published() == [stubborn.id]


async def test_an_event_is_parked_after_its_last_rejection_with_its_order(
    adapters: Adapters,
) -> None:
    stubborn, other = [await place(adapters) for _ in range(2)]
    for order_id in (stubborn.record.id, other.record.id):
        await move(adapters, order_id, PAID)
    for _ in range(MAX_REJECTIONS):
        await refuse(adapters, stubborn.event)
        await let_pass(adapters, LONGEST_WAIT)
    published = [event for _ in range(3) for event in await publish(adapters.outbox)]
    assert {event.subject for event in published} == {other.record.id}
    assert len(published) == 2
    await adapters.pass_time(AN_HOUR)
    assert await waiting(adapters.outbox) == []
    assert await adapters.stored_facts.errors() == {stubborn.event.id: "too large"}


async def postpone(adapters: Adapters, *events: Event, pause: bool = True) -> None:
    """Postpone events as unreached. Apart from that, this is like `refuse`."""
    async with adapters.outbox.batch(10) as batch:
        await batch.postponed({event.id: "no answer" for event in events}, pause=pause)
    await adapters.pass_time(-AN_HOUR)


async def test_events_postponed_without_a_pause_are_eligible_immediately(
    adapters: Adapters,
) -> None:
    events = [(await place(adapters)).event for _ in range(2)]
    await postpone(adapters, *events, pause=False)
    assert await waiting(adapters.outbox) == events
    assert await adapters.stored_facts.errors() == {event.id: "no answer" for event in events}
    assert await adapters.stored_facts.published() == []


async def test_a_postponed_event_pauses_without_delaying_other_orders(adapters: Adapters) -> None:
    cut_off, other = [await place(adapters) for _ in range(2)]
    await move(adapters, cut_off.record.id, PAID)
    await postpone(adapters, cut_off.event)
    assert await waiting(adapters.outbox) == [other.event]
    await let_pass(adapters, LONGEST_PAUSE)
    assert await waiting(adapters.outbox) == [other.event, cut_off.event]


async def test_an_event_may_be_postponed_any_number_of_times(adapters: Adapters) -> None:
    cut_off = (await place(adapters)).event
    for _ in range(MAX_REJECTIONS + 1):
        await postpone(adapters, cut_off)
        await let_pass(adapters, LONGEST_PAUSE)
    assert await publish(adapters.outbox) == [cut_off]


async def test_new_events_come_before_retries(adapters: Adapters) -> None:
    refused, new = [(await place(adapters)).event for _ in range(2)]
    await refuse(adapters, refused)
    await let_pass(adapters, LONGEST_WAIT)
    assert await waiting(adapters.outbox) == [new, refused]
    assert await waiting(adapters.outbox, 1) == [new]


async def test_a_reason_may_be_any_text(adapters: Adapters) -> None:
    one, other = [(await place(adapters)).event for _ in range(2)]
    strange = "\0 \ud800 \N{SNOWMAN} " * 1_000
    async with adapters.outbox.batch(10) as batch:
        await batch.rejected({one.id: strange})
        await batch.postponed({other.id: strange}, pause=False)
    assert (await adapters.stored_facts.errors()).keys() == {one.id, other.id}


async def test_a_publication_is_stored_with_its_placement(adapters: Adapters) -> None:
    one, other = [(await place(adapters)).event for _ in range(2)]
    async with adapters.outbox.batch(10) as batch:
        await batch.published({one.id: Placement(3, 2**40), other.id: Placement(0, 0)})
    placements = await adapters.stored_facts.placements()
    assert placements[one.id] == (1, Placement(3, 2**40))
    assert placements[other.id] == (2, Placement(0, 0))


async def test_debts_to_the_cache_are_recorded_with_the_marks(adapters: Adapters) -> None:
    order_id = (await place(adapters)).record.id
    async with adapters.outbox.batch(10) as batch:
        await batch.published(placed(batch.events), [order_id])
        assert await adapters.cache_debts.oldest(10) == []
    assert [debt.order_id for debt in await adapters.cache_debts.oldest(10)] == [order_id]


async def test_an_empty_report_changes_nothing(adapters: Adapters) -> None:
    event = (await place(adapters)).event
    async with adapters.outbox.batch(10) as batch:
        await batch.published({})
        await batch.rejected({})
        await batch.postponed({})
    assert await waiting(adapters.outbox) == [event]


async def test_many_relays_publish_each_event_once_and_in_order(
    adapters: Adapters,
) -> None:
    owner = await an_owner(adapters)
    for _ in range(8):
        order_id = (await place(adapters, owner)).record.id
        await move(adapters, order_id, PAID, SHIPPED)
    sent: defaultdict[UUID, list[int]] = defaultdict(list)
    left = 8 * 3

    async def send(batch: OutboxBatch) -> int:
        for event in batch.events:
            sent[event.subject].append(event.revision)
            await asyncio.sleep(0)
        await batch.published(placed(batch.events))
        return len(batch.events)

    async def relay() -> None:
        nonlocal left
        while left > 0:
            async with adapters.outbox.batch(3) as batch:
                count = await send(batch)
            left -= count
            await asyncio.sleep(0)

    async with asyncio.timeout(LONG):
        await asyncio.gather(*(relay() for _ in range(4)))
    assert list(sent.values()) == [[1, 2, 3]] * 8
    assert len(await adapters.stored_facts.published()) == 8 * 3
