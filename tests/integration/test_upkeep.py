"""What operators and retention do to the outbox and the dead letters of a real PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from adapters.memory.outbox import MemoryOutboxBell
from adapters.postgres.database import Database
from adapters.postgres.upkeep import _SWEEP_PAYLOADS, PostgresArchive, PostgresOutboxOffice
from application.bury_message import BuryMessage
from application.documents import Original
from application.messages import message_of
from application.ports.events import Delivery
from application.ports.upkeep import OutboxState, Republished
from application.replay_dead_letters import ReplayDeadLetters
from application.retention import BATCH, LETTERS_KEPT, PAYLOADS_KEPT, Retention, Swept
from tests.servers.databases import fresh_database
from tests.servers.plugin import Shared
from tests.support.acts import move, place, process, publish, waiting
from tests.support.adapters import Adapters
from tests.support.orders import IDS, PAID, an_order_id
from tests.support.postgres import adapters_over
from tests.support.time import NOW, MovableClock

pytestmark = pytest.mark.usefixtures("unhurried")

MESSAGE = Delivery(b"key", b"value", (("ce_id", b"1"),))


@dataclass(frozen=True, slots=True)
class House:
    database: Database
    stored: Adapters
    office: PostgresOutboxOffice

    async def publish_all(self) -> None:
        while await publish(self.stored.outbox):
            pass

    async def bury(self, message: Delivery = MESSAGE) -> bool:
        letters = self.stored.dead_letters
        bury = BuryMessage(letters, MemoryOutboxBell(), MovableClock(), IDS)
        return await bury(message, "new_order", "no JSON")

    async def put_back_all(self) -> int:
        letters = self.stored.dead_letters
        clock = MovableClock(datetime.now(UTC))
        return await ReplayDeadLetters(letters, MemoryOutboxBell(), clock, IDS).all()

    async def sweep(self, after: timedelta) -> Swept:
        archive = PostgresArchive(self.database)
        return await Retention(archive, MovableClock(datetime.now(UTC) + after))()

    async def payloads(self) -> int:
        async with self.database.driver() as driver:
            count: int = await driver.fetchval("SELECT count(payload) FROM outbox")
        return count


@pytest.fixture
async def house(postgres_server: Shared, migrated: str) -> AsyncIterator[House]:
    async with fresh_database(postgres_server.url, migrated) as url:
        database = Database(url, pool_size=4)
        yield House(database, adapters_over(database), PostgresOutboxOffice(database))
        await database.close()


async def test_the_state_of_the_outbox_is_what_waits_since_when_and_why(house: House) -> None:
    assert await house.office.state() == OutboxState(0, None, None)
    write = await place(house.stored)
    await place(house.stored, at=NOW + timedelta(hours=1))
    async with house.stored.outbox.batch(1) as batch:
        await batch.postponed({write.event.id: "no answer"})
    assert await house.office.state() == OutboxState(2, write.event.at, "no answer")
    await house.publish_all()
    assert await house.office.state() == OutboxState(0, None, None)


async def test_an_orders_events_are_published_again_in_their_order(house: House) -> None:
    placed = await place(house.stored)
    other = await place(house.stored)
    paid = await move(house.stored, placed.record.id, PAID)
    await house.publish_all()
    assert await house.office.publish_again(placed.record.id) == Republished(2, 0)
    assert [await publish(house.stored.outbox) for _ in range(3)] == [
        [placed.event],
        [paid.event],
        [],
    ]
    assert (await house.stored.books.published())[0] == other.event.id


async def test_what_waits_already_or_never_was_is_not_published_again(house: House) -> None:
    placed = await place(house.stored)
    assert await house.office.publish_again(placed.record.id) == Republished(0, 0)
    assert await house.office.publish_again(an_order_id()) == Republished(0, 0)


async def test_all_that_was_published_since_is_published_again(house: House) -> None:
    await place(house.stored)
    await house.publish_all()
    since = datetime.now(UTC)
    write = await place(house.stored)
    await house.publish_all()
    assert await house.office.publish_again_since(since) == Republished(1, 0)
    assert await waiting(house.stored.outbox) == [write.event]


async def test_what_retention_has_swept_is_not_published_again(house: House) -> None:
    write = await place(house.stored)
    await process(house.stored, write.record.id)
    await house.publish_all()
    await house.sweep(PAYLOADS_KEPT + timedelta(minutes=1))
    assert await house.office.publish_again(write.record.id) == Republished(0, 2)
    assert await waiting(house.stored.outbox) == []


async def test_the_payloads_of_processed_orders_go_when_they_are_old(house: House) -> None:
    write = await place(house.stored)
    await process(house.stored, write.record.id)
    await house.publish_all()
    assert await house.sweep(PAYLOADS_KEPT - timedelta(minutes=1)) == Swept(0, 0)
    assert await house.sweep(PAYLOADS_KEPT + timedelta(minutes=1)) == Swept(0, 2)
    assert await house.payloads() == 0
    assert len(await house.stored.books.published()) == 2


async def test_payloads_stay_of_orders_that_are_not_processed_and_events_that_wait(
    house: House,
) -> None:
    await place(house.stored)
    await house.publish_all()
    write = await place(house.stored)
    await process(house.stored, write.record.id)
    assert await house.sweep(10 * PAYLOADS_KEPT) == Swept(0, 0)
    assert await house.payloads() == 3


async def many_copies(house: House, count: int) -> None:
    """Let as many events have been published just now."""
    async with house.database.driver() as driver:
        await driver.execute(
            "INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at,"
            " original_headers, position, published_at) SELECT gen_random_uuid(), 1, 1,"
            " gen_random_uuid(), 'new_order.dlq', 'dead_letter', 'x', now(), '{}', n, now()"
            " FROM generate_series(1, $1) AS n",
            count,
        )
        await driver.execute("ANALYZE outbox")


async def test_a_tombstone_is_published_and_put_back_whatever_retention_removed(
    house: House,
) -> None:
    tombstone = replace(MESSAGE, value=None)
    await house.bury(tombstone)
    [copied] = await publish(house.stored.outbox)
    await house.sweep(2 * PAYLOADS_KEPT)
    await house.put_back_all()
    [again] = await publish(house.stored.outbox)
    await house.sweep(2 * PAYLOADS_KEPT)
    assert copied.payload is None
    assert message_of(again) == tombstone


async def test_rows_that_release_1_0_wrote_are_read(house: House) -> None:
    letter_id = UUID(int=1)
    async with house.database.driver() as driver:
        await driver.execute(
            "INSERT INTO dead_letters (id, topic, key, value, headers, reason, attempts, at)"
            """ VALUES ($1, 'new_order', 'k', 'v', '{"b": "2", "a": "\u2603"}', 'no', 1, $2)""",
            letter_id,
            NOW,
        )
        await driver.execute(
            "INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at,"
            " original_key, original_headers) VALUES ($1, 1, 1, gen_random_uuid(), 'new_order.dlq',"
            """ 'dead_letter', 'v', $2, 'k', '{"b": "2", "a": ""}')""",
            letter_id,
            NOW,
        )
    [letter] = await house.stored.dead_letters.find([letter_id])
    assert letter.headers == (("b", b"2"), ("a", "\u2603".encode()))
    [copied] = await publish(house.stored.outbox)
    assert copied.original == Original(b"k", (("b", b"2"), ("a", b"")))


async def test_more_than_one_batch_goes_in_one_sweep(house: House) -> None:
    await many_copies(house, 2 * BATCH + 1)
    assert await house.sweep(2 * PAYLOADS_KEPT) == Swept(0, 2 * BATCH + 1)


async def test_a_letter_that_was_put_back_goes_when_it_is_old_and_its_message_may_die_again(
    house: House,
) -> None:
    await house.bury()
    await house.put_back_all()
    await house.publish_all()
    assert (await house.sweep(LETTERS_KEPT - timedelta(minutes=1))).letters == 0
    assert (await house.sweep(LETTERS_KEPT + timedelta(minutes=1))).letters == 1
    assert await house.bury()
    assert len(await publish(house.stored.outbox)) == 1


async def test_a_letter_that_waits_or_whose_message_does_is_kept(house: House) -> None:
    await house.bury()
    assert (await house.sweep(10 * LETTERS_KEPT)).letters == 0
    await house.put_back_all()
    assert (await house.sweep(10 * LETTERS_KEPT)).letters == 0
    await house.publish_all()
    assert (await house.sweep(10 * LETTERS_KEPT)).letters == 1


async def test_retention_finds_what_has_served_without_reading_the_whole_outbox(
    house: House,
) -> None:
    await many_copies(house, 20_000)
    async with house.database.driver() as driver:
        rows = await driver.fetch(f"EXPLAIN {_SWEEP_PAYLOADS}", NOW - PAYLOADS_KEPT, BATCH)
    plan = "\n".join(row[0] for row in rows)
    assert "outbox_to_sweep" in plan, plan
    assert "Seq Scan on outbox" not in plan, plan
