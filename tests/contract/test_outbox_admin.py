import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

from application.delivery.retry_policy import MAX_REJECTIONS
from application.documents import Event, OrderWrite
from application.ports.events import Placement
from application.ports.outbox_admin import OutboxState, ReplayRequest
from domain.ids import EventId
from tests.support.adapters import Adapters
from tests.support.deadlines import LONG
from tests.support.orders import PAID, SHIPPED, an_order_id
from tests.support.storage_actions import an_owner, move, place, placed, publish, waiting
from tests.support.time import HOUR, NOW

AN_HOUR_SECONDS = 3_600.0
EMPTY = OutboxState(0, None, None)


async def publish_all(adapters: Adapters) -> list[Event]:
    published: list[Event] = []
    while batch := await publish(adapters.outbox):
        published += batch
    return published


async def an_order_with_history(adapters: Adapters) -> tuple[OrderWrite, list[Event]]:
    """Place an order and publish its three events."""
    written = await place(adapters)
    await move(adapters, written.record.id, PAID, SHIPPED)
    return written, await publish_all(adapters)


async def park(adapters: Adapters, event: Event) -> None:
    for _ in range(MAX_REJECTIONS):
        async with adapters.outbox.batch(10) as batch:
            await batch.rejected({event.id: "too large"})
            others = [each for each in batch.events if each.id != event.id]
            await batch.postponed({each.id: "no answer" for each in others}, pause=False)
        await adapters.pass_time(AN_HOUR_SECONDS)


async def replay_since(adapters: Adapters, since: datetime) -> ReplayRequest:
    requests = [each async for each in adapters.outbox_admin.replay_since(since)]
    counts = [each.requested for each in requests]
    assert counts == sorted(counts)
    return requests[-1]


def ids(events: Sequence[Event]) -> list[EventId]:
    return [event.id for event in events]


# --- Reading the state


async def test_an_empty_outbox_has_an_empty_state(adapters: Adapters) -> None:
    assert await adapters.outbox_admin.state() == EMPTY


async def test_the_state_has_count_age_and_error_of_waiting_events(adapters: Adapters) -> None:
    written = await place(adapters)
    await place(adapters, at=NOW + HOUR)
    async with adapters.outbox.batch(1) as batch:
        await batch.postponed({written.event.id: "no answer"}, pause=False)
    assert await adapters.outbox_admin.state() == OutboxState(2, written.event.at, "no answer")
    await publish_all(adapters)
    assert await adapters.outbox_admin.state() == EMPTY


async def test_parked_events_are_counted_without_an_age(
    adapters: Adapters,
) -> None:
    parked = await place(adapters)
    await move(adapters, parked.record.id, PAID)
    await park(adapters, parked.event)
    assert await adapters.outbox_admin.state() == OutboxState(2, None, "too large", parked=1)
    later = await place(adapters, at=NOW + HOUR)
    state = await adapters.outbox_admin.state()
    assert (state.unpublished, state.oldest, state.parked) == (3, later.event.at, 1)


async def test_replays_are_counted_and_are_not_unpublished(adapters: Adapters) -> None:
    written, events = await an_order_with_history(adapters)
    await adapters.outbox_admin.replay_order(written.record.id)
    state = await adapters.outbox_admin.state()
    assert state == OutboxState(0, None, None, replays=len(events))
    assert await adapters.stored_facts.published() == ids(events)


# --- Replaying one order


async def test_a_replay_publishes_an_orders_events_in_order(adapters: Adapters) -> None:
    written, events = await an_order_with_history(adapters)
    assert await adapters.outbox_admin.replay_order(written.record.id) == ReplayRequest(3)
    assert [await publish(adapters.outbox) for _ in range(4)] == [[e] for e in events] + [[]]


async def test_a_replay_is_marked_as_a_replay(adapters: Adapters) -> None:
    written, _ = await an_order_with_history(adapters)
    await adapters.outbox_admin.replay_order(written.record.id)
    other = await place(adapters)
    replays = {event.subject: event.is_replay for event in await waiting(adapters.outbox)}
    assert replays == {written.record.id: True, other.record.id: False}


async def test_a_replay_changes_neither_positions_nor_placements(adapters: Adapters) -> None:
    written, _ = await an_order_with_history(adapters)
    await place(adapters)
    await publish_all(adapters)
    before = await adapters.stored_facts.placements()
    await adapters.outbox_admin.replay_order(written.record.id)
    assert await adapters.stored_facts.placements() == before
    async with adapters.outbox.batch(10) as batch:
        await batch.published({event.id: Placement(5, 999) for event in batch.events})
    await publish_all(adapters)
    assert await adapters.stored_facts.placements() == before


async def test_unpublished_events_are_not_replayed(adapters: Adapters) -> None:
    written = await place(adapters)
    assert await adapters.outbox_admin.replay_order(written.record.id) == ReplayRequest(0)
    assert await adapters.outbox_admin.replay_order(an_order_id()) == ReplayRequest(0)
    assert await publish_all(adapters) == [written.event]


async def test_new_events_come_before_replays(adapters: Adapters) -> None:
    _, old = await an_order_with_history(adapters)
    await replay_since(adapters, NOW - HOUR)
    new = [(await place(adapters)).event for _ in range(3)]
    assert await publish(adapters.outbox, 2) == new[:2]
    assert await publish(adapters.outbox, 2) == [new[2], old[0]]


async def test_a_batch_has_either_a_new_event_of_an_order_or_a_replay(adapters: Adapters) -> None:
    written = await place(adapters)
    await publish_all(adapters)
    await adapters.outbox_admin.replay_order(written.record.id)
    paid = await move(adapters, written.record.id, PAID)
    assert await publish(adapters.outbox) == [paid.event]
    assert await publish(adapters.outbox) == [written.event]


async def test_a_replay_is_in_one_batch_only(adapters: Adapters) -> None:
    written, [first, *_] = await an_order_with_history(adapters)
    await adapters.outbox_admin.replay_order(written.record.id)
    async with adapters.outbox.batch(10) as batch, adapters.outbox.batch(10) as other:
        assert list(batch.events) == [first]
        assert list(other.events) == []


async def test_many_relays_replay_each_event_once_and_in_order(
    adapters: Adapters,
) -> None:
    owner = await an_owner(adapters)
    for _ in range(8):
        await move(adapters, (await place(adapters, owner)).record.id, PAID, SHIPPED)
    await publish_all(adapters)
    await replay_since(adapters, NOW - HOUR)
    sent: dict[UUID, list[int]] = {}
    left = 8 * 3

    async def relay() -> None:
        nonlocal left
        while left > 0:
            async with adapters.outbox.batch(3) as batch:
                for event in batch.events:
                    sent.setdefault(event.subject, []).append(event.revision)
                    await asyncio.sleep(0)
                await batch.published(placed(batch.events))
            left -= len(batch.events)
            await asyncio.sleep(0)

    async with asyncio.timeout(LONG):
        await asyncio.gather(*(relay() for _ in range(4)))
    assert list(sent.values()) == [[1, 2, 3]] * 8


async def test_a_postponed_replay_pauses_without_delaying_other_orders(
    adapters: Adapters,
) -> None:
    _, [first, *_] = await an_order_with_history(adapters)
    _, [other, *_] = await an_order_with_history(adapters)
    await replay_since(adapters, NOW - HOUR)
    async with adapters.outbox.batch(10) as batch:
        await batch.postponed({first.id: "no answer"})
    await adapters.pass_time(-AN_HOUR_SECONDS)
    assert await waiting(adapters.outbox) == [other]
    await adapters.pass_time(2 * AN_HOUR_SECONDS)
    assert set(ids(await waiting(adapters.outbox))) == {first.id, other.id}


async def test_a_dead_relays_replay_is_eligible_again(adapters: Adapters) -> None:
    written, [first, *_] = await an_order_with_history(adapters)
    await adapters.outbox_admin.replay_order(written.record.id)
    with suppress(RuntimeError):
        async with adapters.outbox.batch(10) as batch:
            await batch.published(placed(batch.events))
            raise RuntimeError("the relay dies")
    assert await waiting(adapters.outbox) == [first]


# --- Replaying everything


async def test_a_replay_publishes_all_events_since_a_time(adapters: Adapters) -> None:
    await an_order_with_history(adapters)
    since = datetime.now(UTC)
    await adapters.pass_time(1)
    events = [(await place(adapters)).event for _ in range(3)]
    await publish_all(adapters)
    assert await replay_since(adapters, since) == ReplayRequest(3)
    assert set(ids(await publish_all(adapters))) == set(ids(events))


async def test_a_replay_without_published_events_requests_nothing(adapters: Adapters) -> None:
    await place(adapters)
    assert await replay_since(adapters, NOW - HOUR) == ReplayRequest(0)


async def test_a_replay_may_be_requested_again_before_it_is_done(adapters: Adapters) -> None:
    _, events = await an_order_with_history(adapters)
    for _ in range(2):
        assert await replay_since(adapters, NOW - timedelta(days=1)) == ReplayRequest(3)
    assert await publish_all(adapters) == events


# --- Parked events


async def test_a_parked_event_is_replayed_with_its_order(adapters: Adapters) -> None:
    parked = await place(adapters)
    paid = await move(adapters, parked.record.id, PAID)
    await park(adapters, parked.event)
    assert await waiting(adapters.outbox) == []
    assert await adapters.outbox_admin.replay_order(parked.record.id) == ReplayRequest(1)
    assert await publish_all(adapters) == [parked.event, paid.event]
    assert await adapters.outbox_admin.state() == EMPTY


async def test_all_parked_events_are_replayed_with_new_attempts(adapters: Adapters) -> None:
    events = [(await place(adapters)).event for _ in range(2)]
    for event in events:
        await park(adapters, event)
    assert (await adapters.outbox_admin.state()).parked == 2
    assert await adapters.outbox_admin.unpark_all() == ReplayRequest(2)
    async with adapters.outbox.batch(10) as batch:
        await batch.rejected({event.id: "too large" for event in events})
    await adapters.pass_time(AN_HOUR_SECONDS)
    assert set(ids(await publish_all(adapters))) == set(ids(events))
    assert await adapters.outbox_admin.unpark_all() == ReplayRequest(0)


async def test_a_replay_is_parked_after_its_last_rejection(adapters: Adapters) -> None:
    written, events = await an_order_with_history(adapters)
    await adapters.outbox_admin.replay_order(written.record.id)
    await park(adapters, events[0])
    assert await waiting(adapters.outbox) == []
    state = await adapters.outbox_admin.state()
    assert (state.unpublished, state.parked, state.replays) == (0, 1, 3)
    assert state.last_error == "too large"
    assert await adapters.stored_facts.published() == ids(events)
    assert await adapters.outbox_admin.unpark_all() == ReplayRequest(1)
    assert await publish_all(adapters) == events
