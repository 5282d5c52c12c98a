"""The audit: each way in which the books can be wrong turns its own count red, and no other."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from adapters.memory.leases import MemoryLeases
from adapters.memory.outbox import MemoryRelayWakeup
from adapters.postgres.audit import PostgresAuditReader
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
from tests.integration.audit_damages import LETTER_DAMAGES, ORDER_DAMAGES
from tests.servers.databases import fresh_database
from tests.servers.plugin import Shared
from tests.support.acts import move, place, process, publish
from tests.support.adapters import Adapters
from tests.support.messages import ENCODER
from tests.support.orders import CANCELED, IDS, PAID, SHIPPED, an_order_id
from tests.support.postgres import adapters_over
from tests.support.time import HOUR, NOW, MovableClock

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

STUCK_AFTER = timedelta(minutes=5)
LATER = NOW + STUCK_AFTER


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop with orders at each place of their way, and its books."""

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
        async with self.database.driver() as driver:
            done: str = await driver.execute(statement, *values)
        assert not done.endswith(" 0"), "the mutation changed nothing"

    async def damage(self, statements: str, order_id: object) -> None:
        """Change rows past every trigger and foreign key."""
        async with self.database.driver() as driver, driver.transaction():
            await driver.execute("SET LOCAL session_replication_role = replica")
            for statement in statements.split(";"):
                done: str = await driver.execute(statement, order_id)
                assert not done.endswith(" 0"), f"changed nothing: {statement}"

    async def purge(self) -> Purged:
        """Purge everything that retention ever will."""
        clock = MovableClock(datetime.now(NOW.tzinfo) + 2 * PAYLOADS_KEPT)
        store = PostgresRetentionStore(self.database)
        purged = await PurgeExpired(store, MemoryLeases(clock), clock, IDS)(beat)
        assert purged is not None
        return purged

    async def dead_letter_message(self, order_id: OrderId) -> UUID:
        """Make a dead letter of an unreadable message; return its id."""
        message = Delivery(str(order_id).encode(), b"?")
        assert await self._dead_letter(message, "new_order", "no JSON")
        return (await self.stored.dead_letters.waiting(1))[0].id

    async def dead_letter_order(self, order_id: OrderId) -> None:
        use_case = DeadLetterOrder(self.stored.announcements, ENCODER, self._dead_letter)
        assert await use_case(order_id, "no tea left", 5)

    @property
    def _dead_letter(self) -> DeadLetterMessage:
        return DeadLetterMessage(self.stored.dead_letters, MemoryRelayWakeup(), MovableClock(), IDS)

    async def replay_all(self) -> int:
        dead_letters = self.stored.dead_letters
        return await ReplayDeadLetters(dead_letters, MemoryRelayWakeup(), MovableClock(), IDS).all()


@pytest.fixture
async def shop(postgres_server: Shared, migrated: str) -> AsyncIterator[Shop]:
    async with fresh_database(postgres_server.url, migrated) as url:
        database = Database(url, pool_size=2)
        stored = adapters_over(database)
        pending, paid, canceled = [(await place(stored)).record.id for _ in range(3)]
        await move(stored, paid, PAID)
        await process(stored, paid)
        await move(stored, paid, SHIPPED)
        await move(stored, canceled, CANCELED)
        await process(stored, canceled)
        while await publish(stored.outbox):
            pass
        yield Shop(database, stored, pending, paid, canceled)
        await database.close()


def wrong(report: AuditReport) -> dict[str, list[OrderId]]:
    """What is wrong, and with which orders."""
    bad = {"lost": report.lost, "duplicated": report.duplicated, "stuck": report.stuck}
    assert all(each.count == len(each.ids) for each in bad.values())
    return {name: sorted(each.ids) for name, each in bad.items() if each.count}


async def test_nothing_is_wrong_with_a_healthy_shop(shop: Shop) -> None:
    report = await shop.audit()
    assert wrong(report) == {}
    assert report.is_clean
    counts = (report.orders, report.published, report.processed, report.pending)
    assert counts == (3, 3, 2, 1)


async def test_an_empty_shop_has_nothing_to_count(shop: Shop) -> None:
    await shop.change("TRUNCATE orders, order_history, outbox, inbox, effects, dead_letters")
    assert await shop.audit() == AuditReport()


@pytest.mark.parametrize(
    "deleted",
    ["type = 'order.created'", "version = 2", "type = 'order.processed'", "version = 3", "true"],
)
async def test_an_order_without_one_of_its_facts_is_lost(shop: Shop, deleted: str) -> None:
    await shop.change(f"DELETE FROM outbox WHERE subject = $1 AND {deleted}", shop.paid)  # noqa: S608 - the words above
    assert wrong(await shop.audit()) == {"lost": [shop.paid]}


@pytest.mark.parametrize("deleted", ["version = 2", "true"])
async def test_an_order_without_its_history_is_lost(shop: Shop, deleted: str) -> None:
    await shop.change(f"DELETE FROM order_history WHERE order_id = $1 AND {deleted}", shop.paid)  # noqa: S608 - as above
    assert wrong(await shop.audit()) == {"lost": [shop.paid]}


async def test_facts_without_their_order_are_lost(shop: Shop) -> None:
    await shop.change("DELETE FROM order_history WHERE order_id = $1", shop.paid)
    await shop.change("DELETE FROM orders WHERE id = $1", shop.paid)
    report = await shop.audit()
    assert wrong(report) == {"lost": [shop.paid]}
    assert (report.orders, report.published, report.processed) == (2, 2, 1)


async def test_a_fact_of_a_processing_that_never_was_is_lost(shop: Shop) -> None:
    await shop.change(
        "INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at)"
        " VALUES ($1, 2, 1, gen_random_uuid(), 'order_processed', 'order.processed', '', now())",
        shop.pending,
    )
    assert wrong(await shop.audit()) == {"lost": [shop.pending]}


@pytest.mark.parametrize("is_purged", [False, True], ids=["kept", "purged"])
@pytest.mark.parametrize("damage", ORDER_DAMAGES)
async def test_damage_by_hand_is_found_with_its_reasons(
    shop: Shop, damage: str, *, is_purged: bool
) -> None:
    statements, name, reasons = ORDER_DAMAGES[damage]
    order_id = getattr(shop, name, an_order_id())
    if is_purged:
        await shop.purge()
    await shop.damage(statements, order_id)
    report = await shop.audit()
    assert wrong(report) == {"lost": [order_id]}
    assert sorted(report.lost.reasons[order_id]) == sorted(reasons)


@pytest.mark.parametrize(("before", "after"), [("fulfilled", "skipped"), ("skipped", "fulfilled")])
async def test_event_that_tells_another_outcome_than_the_effect_is_found(
    shop: Shop, before: str, after: str
) -> None:
    order_id = {"fulfilled": shop.paid, "skipped": shop.canceled}[before]
    payload = f"convert_to(replace(convert_from(payload, 'UTF8'), '{before}', '{after}'), 'UTF8')"
    which = "subject = $1 AND type = 'order.processed'"
    await shop.damage(f"UPDATE outbox SET payload = {payload} WHERE {which}", order_id)  # noqa: S608 - as above
    report = await shop.audit()
    assert report.lost.reasons == {order_id: ("outcome-differs",)}


@pytest.mark.parametrize("damage", LETTER_DAMAGES)
async def test_damage_to_a_dead_letter_is_found_with_its_reasons(shop: Shop, damage: str) -> None:
    statement, reasons = LETTER_DAMAGES[damage]
    letter_id = await shop.dead_letter_message(shop.pending)
    assert await shop.replay_all() == 1
    assert wrong(await shop.audit()) == {}
    await shop.damage(statement, letter_id)
    assert (await shop.audit()).lost.reasons == {letter_id: tuple(reasons)}


async def test_letter_that_retention_has_purged_leaves_no_trace(shop: Shop) -> None:
    await shop.dead_letter_message(shop.pending)
    await shop.replay_all()
    while await publish(shop.stored.outbox):
        pass
    assert (await shop.purge()).dead_letters == 1
    assert wrong(await shop.audit()) == {}


async def test_unpublished_events_of_any_revision_are_counted_with_the_oldest(shop: Shop) -> None:
    assert (await shop.audit()).oldest_unpublished is None
    await move(shop.stored, shop.pending, PAID)
    await shop.dead_letter_message(shop.paid)
    await shop.change(
        "UPDATE outbox SET at = $1 WHERE published_at IS NULL AND revision = 2", NOW - HOUR
    )
    report = await shop.audit()
    assert wrong(report) == {}
    assert (report.unpublished, report.oldest_unpublished) == (2, NOW - HOUR)
    await shop.change("UPDATE outbox SET parked_at = now() WHERE published_at IS NULL")
    assert await shop.audit() == report


async def test_busy_shop_in_the_middle_of_everything_is_clean(shop: Shop) -> None:
    """Every state that an order passes through, with events published and not."""
    for number in range(40):
        order_id = (await place(shop.stored)).record.id
        if number % 5 == 1:
            await move(shop.stored, order_id, CANCELED)
        if number % 2:
            await process(shop.stored, order_id)
        if number % 5 in {2, 3}:
            await move(shop.stored, order_id, PAID)
        if number % 5 == 3:
            await move(shop.stored, order_id, CANCELED)
        if number % 5 == 2:
            await move(shop.stored, order_id, SHIPPED)
        await publish(shop.stored.outbox, 1)
    report = await shop.audit()
    assert wrong(report) == {}
    assert (report.orders, report.processed) == (43, 22)
    assert report.unpublished > 0


async def test_an_order_with_two_effects_is_duplicated(shop: Shop) -> None:
    await shop.change(
        "INSERT INTO effects (order_id, outcome, at) VALUES ($1, 'fulfilled', now())", shop.paid
    )
    assert wrong(await shop.audit()) == {"duplicated": [shop.paid]}


async def test_an_order_that_is_not_processed_becomes_stuck_with_its_age(shop: Shop) -> None:
    assert (await shop.audit(LATER - timedelta(seconds=1))).pending == 1
    report = await shop.audit(LATER)
    assert wrong(report) == {"stuck": [shop.pending]}
    assert report.pending == 0


async def test_an_order_whose_event_waits_for_a_broker_out_of_reach_is_pending_at_any_age(
    shop: Shop,
) -> None:
    waiting = (await place(shop.stored)).record.id
    assert wrong(await shop.audit(LATER)) == {"stuck": [shop.pending, waiting]}
    report = await shop.audit(LATER, broker_reachable=False)
    assert wrong(report) == {"stuck": [shop.pending]}
    assert (report.pending, report.published) == (1, 3)


async def test_an_order_without_its_fact_does_not_wait_for_the_broker(shop: Shop) -> None:
    await shop.change("DELETE FROM outbox WHERE subject = $1", shop.pending)
    report = await shop.audit(LATER, broker_reachable=False)
    assert wrong(report) == {"lost": [shop.pending], "stuck": [shop.pending]}


async def test_the_inbox_of_another_consumer_is_no_concern_of_the_audit(shop: Shop) -> None:
    async with shop.stored.begin() as tx:
        for message_id in (shop.pending, shop.paid, an_order_id()):
            await tx.inbox.add("shipping-mail", message_id, NOW)
        await tx.commit()
    assert (await shop.audit()).is_clean


async def test_a_dead_letter_is_stuck_until_it_is_put_back(shop: Shop) -> None:
    await shop.dead_letter_order(shop.pending)
    assert wrong(await shop.audit()) == {"stuck": [shop.pending]}
    assert wrong(await shop.audit(broker_reachable=False)) == {"stuck": [shop.pending]}
    assert await shop.replay_all() == 1
    report = await shop.audit()
    assert wrong(report) == {}
    assert report.pending == 1


async def test_an_order_that_was_processed_all_the_same_is_not_stuck(shop: Shop) -> None:
    await shop.dead_letter_order(shop.pending)
    await process(shop.stored, shop.pending)
    assert wrong(await shop.audit()) == {}


async def test_a_message_that_nobody_could_read_is_no_orders_fault(shop: Shop) -> None:
    await shop.dead_letter_message(shop.pending)
    assert wrong(await shop.audit()) == {}


async def test_retention_changes_nothing_of_what_the_audit_says(shop: Shop) -> None:
    before = await shop.audit()
    assert (await shop.purge()).payloads > 0
    assert await shop.audit() == before


async def test_of_many_bad_orders_all_are_counted_and_the_first_are_named(shop: Shop) -> None:
    for _ in range(NAMED + 2):
        await place(shop.stored)
    stuck = (await shop.audit(LATER)).stuck
    assert (stuck.count, len(stuck.ids)) == (NAMED + 3, NAMED)


async def test_progress_is_told_on_the_way(shop: Shop) -> None:
    seen: list[tuple[int, int]] = []
    await PostgresAuditReader(shop.database).audit(
        NOW, STUCK_AFTER, broker_reachable=True, progress=lambda *so_far: seen.append(so_far)
    )
    assert seen == [(3, 3)]
