"""Purge the outbox and dead letters in a real PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from adapters.memory.leases import MemoryLeases
from adapters.memory.outbox import MemoryRelayWakeup
from adapters.postgres.database import Database
from adapters.postgres.retention import PURGE_INBOX, PURGE_PAYLOADS, PostgresRetentionStore
from application.delivery.dead_letter_message import DeadLetterMessage
from application.delivery.purge import (
    BATCH,
    DEAD_LETTERS_KEPT,
    INBOX_KEPT,
    PAYLOADS_KEPT,
    Purged,
    PurgeExpired,
)
from application.delivery.replay_dead_letters import ReplayDeadLetters
from application.delivery.topics import PROCESSING
from application.documents import Original
from application.ports.events import Delivery
from application.ports.outbox_admin import ReplayRequest
from libraries.asyncio_tools.heartbeat import beat
from tests.servers.plugin import Shared
from tests.support.adapters import Adapters
from tests.support.messages import message_of
from tests.support.orders import IDS
from tests.support.postgres import adapters_over, new_database
from tests.support.storage_actions import place, process, publish, waiting
from tests.support.time import NOW, MovableClock

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

MESSAGE = Delivery(b"key", b"value", (("ce_id", b"1"),))


@dataclass(frozen=True, slots=True)
class House:
    database: Database
    stored: Adapters

    async def publish_all(self) -> None:
        while await publish(self.stored.outbox):
            pass

    async def dead_letter(self, message: Delivery = MESSAGE) -> bool:
        dead_letters = self.stored.dead_letters
        dead_letter = DeadLetterMessage(dead_letters, MemoryRelayWakeup(), MovableClock(), IDS)
        return await dead_letter(message, "new_order", "no JSON")

    async def replay_all(self) -> int:
        dead_letters = self.stored.dead_letters
        clock = MovableClock(datetime.now(UTC))
        return await ReplayDeadLetters(dead_letters, MemoryRelayWakeup(), clock, IDS).all()

    async def purge(self, after: timedelta) -> Purged:
        store = PostgresRetentionStore(self.database)
        clock = MovableClock(datetime.now(UTC) + after)
        purged = await PurgeExpired(store, MemoryLeases(clock), clock, IDS)(beat)
        assert purged is not None
        return purged

    async def change(self, statement: str) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement)

    async def payloads(self) -> int:
        async with self.database.connection() as connection:
            count: int = await connection.fetchval("SELECT count(payload) FROM outbox")
        return count


@pytest.fixture
async def house(postgres_server: Shared, migrated: str) -> AsyncIterator[House]:
    async with new_database(postgres_server, migrated, pool_size=4) as database:
        yield House(database, adapters_over(database))


async def test_purged_event_is_not_published_again(house: House) -> None:
    write = await place(house.stored)
    await process(house.stored, write.record.id)
    await house.publish_all()
    await house.purge(PAYLOADS_KEPT + timedelta(minutes=1))
    admin = house.stored.outbox_admin
    assert await admin.replay_order(write.record.id) == ReplayRequest(0, purged=2)
    requests = [each async for each in admin.replay_since(NOW)]
    assert requests == [ReplayRequest(0, purged=2)]
    assert await waiting(house.stored.outbox) == []


async def test_event_with_a_requested_replay_is_not_purged(house: House) -> None:
    write = await place(house.stored)
    await process(house.stored, write.record.id)
    await house.publish_all()
    await house.stored.outbox_admin.replay_order(write.record.id)
    assert await house.purge(2 * PAYLOADS_KEPT) == Purged(0, 0, 0)
    await house.publish_all()
    assert await house.purge(2 * PAYLOADS_KEPT) == Purged(0, 2, 0)


async def test_old_payloads_of_processed_orders_are_purged(house: House) -> None:
    write = await place(house.stored)
    await process(house.stored, write.record.id)
    await house.publish_all()
    assert await house.purge(PAYLOADS_KEPT - timedelta(minutes=1)) == Purged(0, 0, 0)
    assert await house.purge(PAYLOADS_KEPT + timedelta(minutes=1)) == Purged(0, 2, 0)
    assert await house.payloads() == 0
    assert len(await house.stored.stored_facts.published()) == 2


async def test_payloads_of_unprocessed_orders_and_waiting_events_stay(
    house: House,
) -> None:
    await place(house.stored)
    await house.publish_all()
    write = await place(house.stored)
    await process(house.stored, write.record.id)
    assert await house.purge(10 * PAYLOADS_KEPT) == Purged(0, 0, 0)
    assert await house.payloads() == 3


async def test_event_that_waits_for_its_replay_keeps_its_payload(house: House) -> None:
    write = await place(house.stored)
    await process(house.stored, write.record.id)
    await house.publish_all()
    await house.change("UPDATE outbox SET replay_requested_at = now() WHERE revision = 1")
    assert await house.purge(10 * PAYLOADS_KEPT) == Purged(0, 1, 0)
    await house.change("UPDATE outbox SET replay_requested_at = NULL")
    assert await house.purge(10 * PAYLOADS_KEPT) == Purged(0, 1, 0)


async def test_parked_event_keeps_its_payload(house: House) -> None:
    write = await place(house.stored)
    await process(house.stored, write.record.id)
    await house.change("UPDATE outbox SET parked_at = now(), attempts = 20")
    assert await house.purge(10 * PAYLOADS_KEPT) == Purged(0, 0, 0)
    assert await house.payloads() == 2


@pytest.mark.parametrize(
    "waits",
    ["replay_requested_at = now()", "published_at = NULL, position = NULL, parked_at = now()"],
)
async def test_dead_letter_with_a_waiting_message_is_kept(house: House, waits: str) -> None:
    await house.dead_letter()
    await house.replay_all()
    await house.publish_all()
    await house.change(f"UPDATE outbox SET {waits} WHERE revision = 2")  # noqa: S608 - our own texts
    assert (await house.purge(10 * DEAD_LETTERS_KEPT)).dead_letters == 0
    async with house.database.connection() as connection:
        assert (
            await connection.fetchval("SELECT payload FROM outbox WHERE revision = 2") is not None
        )


async def many_copies(house: House, count: int) -> None:
    """Store `count` events that have just been published."""
    async with house.database.connection() as connection:
        await connection.execute(
            "INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at,"
            " original_headers, position, published_at) SELECT gen_random_uuid(), 1, 1,"
            " gen_random_uuid(), 'new_order.dlq', 'dead_letter', 'x', now(), '{}', n, now()"
            " FROM generate_series(1, $1) AS n",
            count,
        )
        await connection.execute("ANALYZE outbox")


async def test_tombstone_is_published_and_replayed_after_a_purge(
    house: House,
) -> None:
    tombstone = replace(MESSAGE, value=None)
    await house.dead_letter(tombstone)
    [copied] = await publish(house.stored.outbox)
    await house.purge(2 * PAYLOADS_KEPT)
    await house.replay_all()
    [again] = await publish(house.stored.outbox)
    await house.purge(2 * PAYLOADS_KEPT)
    assert copied.payload is None
    assert message_of(again) == tombstone


async def test_rows_of_release_1_0_are_read(house: House) -> None:
    letter_id = UUID(int=1)
    async with house.database.connection() as connection:
        await connection.execute(
            "INSERT INTO dead_letters (id, topic, key, value, headers, reason, attempts, at)"
            """ VALUES ($1, 'new_order', 'k', 'v', '{"b": "2", "a": "\u2603"}', 'no', 1, $2)""",
            letter_id,
            NOW,
        )
        await connection.execute(
            "INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at,"
            " original_key, original_headers) VALUES ($1, 1, 1, gen_random_uuid(), 'new_order.dlq',"
            """ 'dead_letter', 'v', $2, 'k', '{"b": "2", "a": ""}')""",
            letter_id,
            NOW,
        )
    [dead_letter] = await house.stored.dead_letters.find([letter_id])
    assert dead_letter.headers == (("b", b"2"), ("a", "\u2603".encode()))
    [copied] = await publish(house.stored.outbox)
    assert copied.original == Original(b"k", (("b", b"2"), ("a", b"")))


async def test_only_the_inbox_rows_of_other_consumers_expire(house: House) -> None:
    write = await place(house.stored)
    await process(house.stored, write.record.id)
    async with house.stored.begin() as tx:
        assert await tx.inbox.add("shipping-mail", write.record.id, datetime.now(UTC))
        await tx.commit()
    assert (await house.purge(INBOX_KEPT - timedelta(minutes=1))).inbox_rows == 0
    assert (await house.purge(INBOX_KEPT + timedelta(minutes=1))).inbox_rows == 1
    for consumer, is_new in ((PROCESSING, False), ("shipping-mail", True)):
        async with house.stored.begin() as tx:
            assert await tx.inbox.add(consumer, write.record.id, NOW) is is_new


async def test_expired_inbox_rows_are_found_along_their_index(house: House) -> None:
    async with house.database.connection() as connection:
        await connection.execute(
            "INSERT INTO inbox (order_id, admitted_at) SELECT gen_random_uuid(), now()"
            " FROM generate_series(1, 20000)"
        )
        await connection.execute("ANALYZE inbox")
        rows = await connection.fetch(f"EXPLAIN {PURGE_INBOX}", NOW, BATCH)
    plan = "\n".join(row[0] for row in rows)
    assert "inbox_expiring" in plan, plan
    assert "Seq Scan on inbox" not in plan, plan


async def test_purge_deletes_more_than_one_batch(house: House) -> None:
    await many_copies(house, 2 * BATCH + 1)
    assert await house.purge(2 * PAYLOADS_KEPT) == Purged(0, 2 * BATCH + 1, 0)


async def test_old_replayed_dead_letter_is_purged_and_its_message_may_fail_again(
    house: House,
) -> None:
    await house.dead_letter()
    await house.replay_all()
    await house.publish_all()
    assert (await house.purge(DEAD_LETTERS_KEPT - timedelta(minutes=1))).dead_letters == 0
    assert (await house.purge(DEAD_LETTERS_KEPT + timedelta(minutes=1))).dead_letters == 1
    assert await house.dead_letter()
    assert len(await publish(house.stored.outbox)) == 1


async def test_waiting_dead_letter_is_kept(house: House) -> None:
    await house.dead_letter()
    assert (await house.purge(10 * DEAD_LETTERS_KEPT)).dead_letters == 0
    await house.replay_all()
    assert (await house.purge(10 * DEAD_LETTERS_KEPT)).dead_letters == 0
    await house.publish_all()
    assert (await house.purge(10 * DEAD_LETTERS_KEPT)).dead_letters == 1


async def test_purge_does_not_read_the_whole_outbox(
    house: House,
) -> None:
    await many_copies(house, 20_000)
    async with house.database.connection() as connection:
        rows = await connection.fetch(f"EXPLAIN {PURGE_PAYLOADS}", NOW - PAYLOADS_KEPT, BATCH)
    plan = "\n".join(row[0] for row in rows)
    assert "outbox_to_sweep" in plan, plan
    assert "Seq Scan on outbox" not in plan, plan
