"""The audit: each kind of damage increases only its own count."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from adapters.memory.leases import MemoryLeases
from adapters.memory.outbox import MemoryRelayWakeup
from adapters.postgres.audit import PAGE_OF_FACTS, PostgresAuditReader
from adapters.postgres.database import Database
from adapters.postgres.retention import PostgresRetentionStore
from application.delivery.dead_letter_message import DeadLetterMessage
from application.delivery.dead_letter_order import DeadLetterOrder
from application.delivery.purge import PAYLOADS_KEPT, Purged, PurgeExpired
from application.delivery.replay_dead_letters import ReplayDeadLetters
from application.ports.audit import NAMED, AuditReport
from application.ports.events import Delivery
from domain.ids import OrderId
from libraries.asyncio_tools.heartbeat import beat
from tests.integration.audit_damages import DEAD_LETTER_DAMAGES, ORDER_DAMAGES
from tests.servers.plugin import Shared
from tests.support.adapters import Adapters
from tests.support.messages import ENCODER
from tests.support.orders import CANCELED, IDS, PAID, SHIPPED, an_order_id
from tests.support.postgres import adapters_over, new_database
from tests.support.storage_actions import move, place, process, publish
from tests.support.time import HOUR, NOW, MovableClock

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

STUCK_AFTER = timedelta(minutes=5)
LATER = NOW + STUCK_AFTER


@dataclass(frozen=True, slots=True)
class AuditScenario:
    """Orders in several states and their stored facts."""

    database: Database
    stored: Adapters
    pending: OrderId  # published
    paid: OrderId  # processed
    canceled: OrderId  # skipped

    async def audit(self, now: datetime = NOW, *, broker_reachable: bool = True) -> AuditReport:
        return await PostgresAuditReader(self.database).audit(
            now, STUCK_AFTER, broker_reachable=broker_reachable, progress=lambda _seen, _all: None
        )

    async def change(self, statement: str, *values: object) -> None:
        async with self.database.connection() as connection:
            done: str = await connection.execute(statement, *values)
        assert not done.endswith(" 0"), "the mutation changed nothing"

    async def damage(self, statements: str, order_id: object) -> None:
        """Change rows while triggers and foreign keys are off."""
        async with self.database.connection() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            for statement in statements.split(";"):
                done: str = await connection.execute(statement, order_id)
                assert not done.endswith(" 0"), f"changed nothing: {statement}"

    async def purge(self) -> Purged:
        """Purge everything that retention is allowed to delete."""
        clock = MovableClock(datetime.now(NOW.tzinfo) + 2 * PAYLOADS_KEPT)
        store = PostgresRetentionStore(self.database)
        purged = await PurgeExpired(store, MemoryLeases(clock), clock, IDS)(beat)
        assert purged is not None
        return purged

    async def dead_letter_message(self, order_id: OrderId) -> UUID:
        """Dead-letter an unreadable message and return its id."""
        message = Delivery(str(order_id).encode(), b"?")
        assert await self._dead_letter(message, "new_order", "no JSON")
        return (await self.stored.dead_letters.waiting(1))[0].id

    async def dead_letter(self, order_id: OrderId) -> None:
        use_case = DeadLetterOrder(self.stored.announcements, ENCODER, self._dead_letter)
        assert await use_case(order_id, "no tea left", 5)

    @property
    def _dead_letter(self) -> DeadLetterMessage:
        return DeadLetterMessage(self.stored.dead_letters, MemoryRelayWakeup(), MovableClock(), IDS)

    async def replay_all(self) -> int:
        dead_letters = self.stored.dead_letters
        return await ReplayDeadLetters(dead_letters, MemoryRelayWakeup(), MovableClock(), IDS).all()


@pytest.fixture
async def scenario(postgres_server: Shared, migrated: str) -> AsyncIterator[AuditScenario]:
    async with new_database(postgres_server, migrated, pool_size=2) as database:
        stored = adapters_over(database)
        pending, paid, canceled = [(await place(stored)).record.id for _ in range(3)]
        await move(stored, paid, PAID)
        await process(stored, paid)
        await move(stored, paid, SHIPPED)
        await move(stored, canceled, CANCELED)
        await process(stored, canceled)
        while await publish(stored.outbox):
            pass
        yield AuditScenario(database, stored, pending, paid, canceled)


def faults_of(report: AuditReport) -> dict[str, list[OrderId]]:
    """Return the faulty orders for each kind of fault."""
    bad = {"lost": report.lost, "duplicated": report.duplicated, "stuck": report.stuck}
    assert all(each.count == len(each.ids) for each in bad.values())
    return {name: sorted(each.ids) for name, each in bad.items() if each.count}


async def test_consistent_facts_are_clean(scenario: AuditScenario) -> None:
    report = await scenario.audit()
    assert faults_of(report) == {}
    assert report.is_clean
    counts = (report.orders, report.published, report.processed, report.pending)
    assert counts == (3, 3, 2, 1)


async def test_an_empty_database_has_zero_counts(scenario: AuditScenario) -> None:
    await scenario.change("TRUNCATE orders, order_history, outbox, inbox, effects, dead_letters")
    assert await scenario.audit() == AuditReport()


@pytest.mark.parametrize(
    "deleted",
    ["type = 'order.created'", "version = 2", "type = 'order.processed'", "version = 3", "true"],
)
async def test_an_order_without_one_of_its_events_is_lost(
    scenario: AuditScenario, deleted: str
) -> None:
    await scenario.change(f"DELETE FROM outbox WHERE subject = $1 AND {deleted}", scenario.paid)  # noqa: S608 - constants
    assert faults_of(await scenario.audit()) == {"lost": [scenario.paid]}


@pytest.mark.parametrize("deleted", ["version = 2", "true"])
async def test_an_order_without_its_history_is_lost(scenario: AuditScenario, deleted: str) -> None:
    await scenario.change(
        f"DELETE FROM order_history WHERE order_id = $1 AND {deleted}",  # noqa: S608 - constants
        scenario.paid,
    )
    assert faults_of(await scenario.audit()) == {"lost": [scenario.paid]}


async def test_events_without_their_order_are_lost(scenario: AuditScenario) -> None:
    await scenario.change("DELETE FROM order_history WHERE order_id = $1", scenario.paid)
    await scenario.change("DELETE FROM orders WHERE id = $1", scenario.paid)
    report = await scenario.audit()
    assert faults_of(report) == {"lost": [scenario.paid]}
    assert (report.orders, report.published, report.processed) == (2, 2, 1)


async def test_a_processed_event_of_an_unprocessed_order_is_lost(scenario: AuditScenario) -> None:
    await scenario.change(
        "INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at)"
        " VALUES ($1, 2, 1, gen_random_uuid(), 'order_processed', 'order.processed', '', now())",
        scenario.pending,
    )
    assert faults_of(await scenario.audit()) == {"lost": [scenario.pending]}


@pytest.mark.parametrize("is_purged", [False, True], ids=["kept", "purged"])
@pytest.mark.parametrize("damage", ORDER_DAMAGES)
async def test_damage_is_reported_with_its_reasons(
    scenario: AuditScenario, damage: str, *, is_purged: bool
) -> None:
    statements, name, reasons = ORDER_DAMAGES[damage]
    order_id = getattr(scenario, name, an_order_id())
    if is_purged:
        await scenario.purge()
    await scenario.damage(statements, order_id)
    report = await scenario.audit()
    assert faults_of(report) == {"lost": [order_id]}
    assert sorted(report.lost.reasons[order_id]) == sorted(reasons)


@pytest.mark.parametrize(("before", "after"), [("fulfilled", "skipped"), ("skipped", "fulfilled")])
async def test_different_outcomes_of_event_and_effect_are_reported(
    scenario: AuditScenario, before: str, after: str
) -> None:
    order_id = {"fulfilled": scenario.paid, "skipped": scenario.canceled}[before]
    payload = f"convert_to(replace(convert_from(payload, 'UTF8'), '{before}', '{after}'), 'UTF8')"
    condition = "subject = $1 AND type = 'order.processed'"
    await scenario.damage(f"UPDATE outbox SET payload = {payload} WHERE {condition}", order_id)  # noqa: S608 - constants
    report = await scenario.audit()
    assert report.lost.reasons == {order_id: ("outcome-differs",)}


@pytest.mark.parametrize("damage", DEAD_LETTER_DAMAGES)
async def test_damage_to_a_dead_letter_is_reported_with_its_reasons(
    scenario: AuditScenario, damage: str
) -> None:
    statement, reasons = DEAD_LETTER_DAMAGES[damage]
    letter_id = await scenario.dead_letter_message(scenario.pending)
    assert await scenario.replay_all() == 1
    assert faults_of(await scenario.audit()) == {}
    await scenario.damage(statement, letter_id)
    assert (await scenario.audit()).lost.reasons == {letter_id: tuple(reasons)}


async def test_a_purged_dead_letter_is_clean(scenario: AuditScenario) -> None:
    await scenario.dead_letter_message(scenario.pending)
    await scenario.replay_all()
    while await publish(scenario.stored.outbox):
        pass
    assert (await scenario.purge()).dead_letters == 1
    assert faults_of(await scenario.audit()) == {}


async def test_unpublished_events_are_counted_with_the_oldest(scenario: AuditScenario) -> None:
    assert (await scenario.audit()).oldest_unpublished is None
    await move(scenario.stored, scenario.pending, PAID)
    await scenario.dead_letter_message(scenario.paid)
    await scenario.change(
        "UPDATE outbox SET at = $1 WHERE published_at IS NULL AND revision = 2", NOW - HOUR
    )
    report = await scenario.audit()
    assert faults_of(report) == {}
    assert (report.unpublished, report.oldest_unpublished) == (2, NOW - HOUR)
    await scenario.change("UPDATE outbox SET parked_at = now() WHERE published_at IS NULL")
    assert await scenario.audit() == report


async def test_orders_in_every_state_are_clean(scenario: AuditScenario) -> None:
    """All order states, with published and unpublished events."""
    for number in range(40):
        order_id = (await place(scenario.stored)).record.id
        if number % 5 == 1:
            await move(scenario.stored, order_id, CANCELED)
        if number % 2:
            await process(scenario.stored, order_id)
        if number % 5 in {2, 3}:
            await move(scenario.stored, order_id, PAID)
        if number % 5 == 3:
            await move(scenario.stored, order_id, CANCELED)
        if number % 5 == 2:
            await move(scenario.stored, order_id, SHIPPED)
        await publish(scenario.stored.outbox, 1)
    report = await scenario.audit()
    assert faults_of(report) == {}
    assert (report.orders, report.processed) == (43, 22)
    assert report.unpublished > 0


async def test_an_order_with_two_effects_is_duplicated(scenario: AuditScenario) -> None:
    await scenario.change(
        "INSERT INTO effects (order_id, outcome, at) VALUES ($1, 'fulfilled', now())",
        scenario.paid,
    )
    assert faults_of(await scenario.audit()) == {"duplicated": [scenario.paid]}


async def test_an_old_unprocessed_order_is_stuck(scenario: AuditScenario) -> None:
    assert (await scenario.audit(LATER - timedelta(seconds=1))).pending == 1
    report = await scenario.audit(LATER)
    assert faults_of(report) == {"stuck": [scenario.pending]}
    assert report.pending == 0


async def test_an_order_that_waits_for_an_unreachable_broker_is_pending_at_any_age(
    scenario: AuditScenario,
) -> None:
    waiting = (await place(scenario.stored)).record.id
    assert faults_of(await scenario.audit(LATER)) == {"stuck": [scenario.pending, waiting]}
    report = await scenario.audit(LATER, broker_reachable=False)
    assert faults_of(report) == {"stuck": [scenario.pending]}
    assert (report.pending, report.published) == (1, 3)


async def test_an_order_without_its_event_does_not_wait_for_the_broker(
    scenario: AuditScenario,
) -> None:
    await scenario.change("DELETE FROM outbox WHERE subject = $1", scenario.pending)
    report = await scenario.audit(LATER, broker_reachable=False)
    assert faults_of(report) == {"lost": [scenario.pending], "stuck": [scenario.pending]}


async def test_messages_of_other_consumers_do_not_affect_the_audit(
    scenario: AuditScenario,
) -> None:
    async with scenario.stored.begin() as tx:
        for message_id in (scenario.pending, scenario.paid, an_order_id()):
            await tx.inbox.add("shipping-mail", message_id, NOW)
        await tx.commit()
    assert (await scenario.audit()).is_clean


async def test_a_dead_letter_is_stuck_until_it_is_replayed(scenario: AuditScenario) -> None:
    await scenario.dead_letter(scenario.pending)
    assert faults_of(await scenario.audit()) == {"stuck": [scenario.pending]}
    assert faults_of(await scenario.audit(broker_reachable=False)) == {"stuck": [scenario.pending]}
    assert await scenario.replay_all() == 1
    report = await scenario.audit()
    assert faults_of(report) == {}
    assert report.pending == 1


async def test_a_processed_order_with_a_dead_letter_is_not_stuck(scenario: AuditScenario) -> None:
    await scenario.dead_letter(scenario.pending)
    await process(scenario.stored, scenario.pending)
    assert faults_of(await scenario.audit()) == {}


async def test_an_unreadable_message_is_not_a_defect_of_an_order(scenario: AuditScenario) -> None:
    await scenario.dead_letter_message(scenario.pending)
    assert faults_of(await scenario.audit()) == {}


async def test_purging_changes_no_result_of_the_audit(scenario: AuditScenario) -> None:
    before = await scenario.audit()
    assert (await scenario.purge()).payloads > 0
    assert await scenario.audit() == before


async def test_all_defective_orders_are_counted_and_the_first_named(
    scenario: AuditScenario,
) -> None:
    for _ in range(NAMED + 2):
        await place(scenario.stored)
    stuck = (await scenario.audit(LATER)).stuck
    assert (stuck.count, len(stuck.ids)) == (NAMED + 3, NAMED)


async def test_the_audit_reports_its_progress(scenario: AuditScenario) -> None:
    seen: list[tuple[int, int]] = []
    await PostgresAuditReader(scenario.database).audit(
        NOW, STUCK_AFTER, broker_reachable=True, progress=lambda *so_far: seen.append(so_far)
    )
    assert seen == [(3, 3)]


async def test_a_fact_without_a_stored_placement_has_none(scenario: AuditScenario) -> None:
    """Before migration 3, placements were not stored."""
    await scenario.change(
        "UPDATE outbox SET broker_partition = NULL, broker_offset = NULL WHERE subject = $1",
        scenario.pending,
    )
    facts = await scenario.stored.audit.facts(0, 99, 99)
    assert {fact.subject for fact in facts if fact.placement is None} == {scenario.pending}


async def test_a_fact_stays_the_same_when_payloads_are_purged(scenario: AuditScenario) -> None:
    facts = await scenario.stored.audit.facts(0, 99, 99)
    assert (await scenario.purge()).payloads
    assert await scenario.stored.audit.facts(0, 99, 99) == facts


async def test_pages_of_facts_are_read_along_the_index_of_positions(
    scenario: AuditScenario,
) -> None:
    async with scenario.database.connection() as connection:
        await connection.execute("SET enable_seqscan = off")
        plan = await connection.fetch(f"EXPLAIN {PAGE_OF_FACTS}", 0, 99, 99)
        await connection.execute("RESET enable_seqscan")
    text = "\n".join(row[0] for row in plan)
    assert "outbox_position_unique" in text
    assert "Sort" not in text
