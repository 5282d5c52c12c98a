"""The operator's use cases: audit, outbox and dead letters."""

from datetime import timedelta

from adapters.memory.outbox import MemoryRelayWakeup
from application.delivery.audit_orders import AuditOrders
from application.delivery.list_dead_letters import ListDeadLetters
from application.delivery.read_outbox_state import ReadOutboxState
from application.delivery.replay_events import ReplayEvents
from application.ports.outbox_admin import ReplayRequest
from tests.support.adapters import memory_adapters
from tests.support.storage_actions import place, publish
from tests.support.time import NOW, MovableClock


async def test_an_order_is_stuck_after_the_configured_time() -> None:
    clock = MovableClock()
    stored = memory_adapters(clock)
    audit = AuditOrders(stored.audit, clock, timedelta(minutes=5))
    order_id = (await place(stored)).record.id
    shown: list[tuple[int, int]] = []
    report, at = await audit(True, lambda seen, count: shown.append((seen, count)))  # noqa: FBT003
    assert (report.orders, report.stuck.count, at, shown) == (1, 0, NOW, [(1, 1)])
    await clock.advance(300)
    report, at = await audit(True, lambda _seen, _count: None)  # noqa: FBT003
    assert (report.stuck.ids, at) == ([order_id], NOW + timedelta(minutes=5))


async def test_the_age_of_the_outbox_is_the_age_of_its_oldest_event() -> None:
    clock = MovableClock()
    stored = memory_adapters(clock)
    read_outbox_state = ReadOutboxState(stored.outbox_admin, clock)
    assert (await read_outbox_state())[1] == 0
    await place(stored)
    await clock.advance(7)
    state, age_seconds = await read_outbox_state()
    assert (state.unpublished, age_seconds) == (1, 7)
    await clock.advance(-9)  # for example because another machine's clock is behind
    assert (await read_outbox_state())[1] == 0


async def test_a_replay_wakes_the_relay() -> None:
    clock = MovableClock()
    stored = memory_adapters(clock)
    relay_wakeup = MemoryRelayWakeup()
    replay_events = ReplayEvents(stored.outbox_admin, relay_wakeup)
    order_id = (await place(stored)).record.id
    await publish(stored.outbox)
    assert await replay_events.of_order(order_id) == ReplayRequest(1)
    assert await relay_wakeup.wait(0)
    assert [each async for each in replay_events.since(NOW)] == [ReplayRequest(1)]
    assert await relay_wakeup.wait(0)
    assert await replay_events.parked() == ReplayRequest(0)
    assert await relay_wakeup.wait(0)


async def test_an_empty_storage_lists_no_dead_letters() -> None:
    stored = memory_adapters(MovableClock())
    assert await ListDeadLetters(stored.dead_letters)(1) == []
