"""Faults that every audit finds.

`tests/integration/test_audit.py` covers faults that are made by damaging rows in PostgreSQL.
"""

from datetime import datetime, timedelta

from application.delivery.dead_letters import dead_letter_copy, dead_letter_from
from application.delivery.topics import PROCESSING
from application.ports.audit import AuditReport, Fact
from application.ports.events import Delivery, Placement
from domain.ids import EventId
from domain.order.events import Outcome
from tests.support.adapters import Adapters
from tests.support.orders import IDS, PAID, rendered_write
from tests.support.storage_actions import move, place, process, publish
from tests.support.time import NOW

STUCK_AFTER = timedelta(minutes=5)
LATER = NOW + STUCK_AFTER


async def audit(
    adapters: Adapters, now: datetime = NOW, *, broker_reachable: bool = True
) -> AuditReport:
    return await adapters.audit.audit(
        now, STUCK_AFTER, broker_reachable=broker_reachable, progress=lambda _seen, _all: None
    )


async def test_the_audit_of_an_empty_storage_is_clean(adapters: Adapters) -> None:
    assert await audit(adapters) == AuditReport()


async def test_orders_are_counted_by_their_state(adapters: Adapters) -> None:
    processed = (await place(adapters)).record.id
    await move(adapters, processed, PAID)
    await process(adapters, processed)
    while await publish(adapters.outbox):
        pass
    waiting = await place(adapters)
    report = await audit(adapters)
    assert (report.orders, report.published, report.processed, report.pending) == (2, 1, 1, 1)
    assert (report.unpublished, report.oldest_unpublished) == (1, waiting.event.at)
    assert report.is_clean


async def test_an_old_unprocessed_order_is_stuck(adapters: Adapters) -> None:
    write = await place(adapters)
    await publish(adapters.outbox)
    report = await audit(adapters, LATER)
    assert (report.stuck.ids, report.pending) == ([write.record.id], 0)


async def test_an_order_that_waits_for_an_unreachable_broker_is_pending(adapters: Adapters) -> None:
    await place(adapters)
    report = await audit(adapters, LATER, broker_reachable=False)
    assert (report.stuck.count, report.pending) == (0, 1)


async def test_a_second_effect_is_a_duplicate(adapters: Adapters) -> None:
    write = await place(adapters)
    await process(adapters, write.record.id)
    async with adapters.begin() as tx:
        await tx.effects.record(write.record.id, Outcome.FULFILLED, NOW)
        await tx.commit()
    report = await audit(adapters)
    assert (report.duplicated.ids, report.lost.ids) == ([write.record.id], [])


async def test_an_effect_without_its_processing_is_a_loss(adapters: Adapters) -> None:
    write = await place(adapters)
    async with adapters.begin() as tx:
        await tx.effects.record(write.record.id, Outcome.FULFILLED, NOW)
        await tx.commit()
    report = await audit(adapters)
    assert report.lost.ids == [write.record.id]
    assert list(report.lost.reasons[write.record.id]) == ["effect-of-unprocessed-order"]


async def test_an_inbox_row_without_its_processing_is_a_loss(adapters: Adapters) -> None:
    write = await place(adapters)
    async with adapters.begin() as tx:
        await tx.inbox.add(PROCESSING, write.record.id, NOW)
        await tx.commit()
    report = await audit(adapters)
    assert list(report.lost.reasons[write.record.id]) == ["inbox-row-of-unprocessed-order"]


async def test_a_processed_order_without_effect_and_inbox_row_is_a_loss(adapters: Adapters) -> None:
    write = await place(adapters)
    async with adapters.begin() as tx:
        order = await tx.orders.get(write.record.id)
        await tx.orders.save(rendered_write(order.finish_processing(NOW)))
        await tx.commit()
    report = await audit(adapters)
    assert list(report.lost.reasons[write.record.id]) == ["effect-missing", "inbox-row-missing"]


# --- Facts


async def test_facts_are_returned_by_position_with_their_placements(adapters: Adapters) -> None:
    placed = await place(adapters)
    order_id = placed.record.id
    moved = await move(adapters, order_id, PAID)
    assert await adapters.audit.last_position() == 0
    assert await adapters.audit.facts(0, 9, 9) == []
    while await publish(adapters.outbox):
        pass
    key = str(order_id).encode()
    facts = [
        Fact(
            id=event.id,
            subject=order_id,
            version=event.version,
            topic=event.topic,
            position=position,
            placement=Placement(0, 0),
            key=key,
        )
        for position, event in enumerate([placed.event, moved.event], start=1)
    ]
    assert await adapters.audit.last_position() == 2
    assert await adapters.audit.facts(0, 2, 9) == facts
    assert await adapters.audit.facts(0, 2, 1) == facts[:1]
    assert await adapters.audit.facts(0, 1, 9) == facts[:1]
    assert await adapters.audit.facts(1, 2, 9) == facts[1:]


async def test_the_fact_of_a_copy_has_the_originals_key(adapters: Adapters) -> None:
    letters = [
        dead_letter_from(Delivery(key, b"?"), "new_order", "no JSON", 1, NOW, None)
        for key in (b"key", None)
    ]
    for letter in letters:
        copy = dead_letter_copy(letter, EventId(IDS.new(NOW)))
        assert await adapters.dead_letters.add(letter, copy)
    await publish(adapters.outbox)
    facts = {fact.subject: fact for fact in await adapters.audit.facts(0, 9, 9)}
    assert {(f.subject, f.key, f.is_copy, f.topic) for f in facts.values()} == {
        (letter.id, letter.key, True, "new_order.dlq") for letter in letters
    }
