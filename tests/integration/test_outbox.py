"""Outbox properties that only show on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from adapters.postgres import outbox_admin
from adapters.postgres import outbox_statements as sql
from adapters.postgres.connector import IDLE_IN_TRANSACTION_SECONDS
from adapters.postgres.database import Database
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.outbox_batch import UnmarkableEvents
from application.documents import Event
from application.ports.outbox_admin import COUNTED_AT_MOST, ReplayRequest
from tests.servers.plugin import Shared
from tests.support.adapters import Adapters
from tests.support.deadlines import LONG
from tests.support.postgres import adapters_over, new_database
from tests.support.storage_actions import an_owner, place, placed, publish, waiting
from tests.support.time import NOW

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

#: Enough rows to distinguish an index scan from a sequential scan.
MANY = 30_000


@dataclass(frozen=True, slots=True)
class OutboxDatabase:
    database: Database
    stored: Adapters

    async def execute(self, statement: str, *values: object) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement, *values)

    async def fetch(self, statement: str, *values: object) -> list[asyncpg.Record]:
        async with self.database.connection() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *values)
        return rows

    async def plan(self, statement: str, *values: object) -> str:
        async with self.database.connection() as connection, connection.transaction():
            await connection.execute(sql.WALK_ALONG_INDEXES)
            rows = await connection.fetch(f"EXPLAIN {statement}", *values)
        return "\n".join(row[0] for row in rows)


@pytest.fixture
async def db(postgres_server: Shared, migrated: str) -> AsyncIterator[OutboxDatabase]:
    async with new_database(postgres_server, migrated, pool_size=6) as database:
        yield OutboxDatabase(database, adapters_over(database))


async def many_events(
    db: OutboxDatabase, count: int, *, are_published: bool, are_counted: bool = True
) -> None:
    await db.execute(
        "INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at, position,"
        " published_at) SELECT gen_random_uuid(), 1, 1, gen_random_uuid(), 'new_order',"
        " 'order.created', 'x', now(), CASE WHEN $2 THEN n END, CASE WHEN $2 THEN now() END"
        " FROM generate_series(1, $1) AS n",
        count,
        are_published,
    )
    if are_counted:
        await db.execute("ANALYZE outbox")


# --- Positions


async def test_positions_are_committed_in_order(db: OutboxDatabase) -> None:
    """Without the lock, the relay with the lower positions would commit last."""
    first, second = [(await place(db.stored)).event for _ in range(2)]
    second_is_marked = asyncio.Event()

    async def mark_second() -> None:
        async with db.stored.outbox.batch(1) as batch:
            await batch.published(placed(batch.events))
        second_is_marked.set()

    async with db.stored.outbox.batch(1) as batch:
        assert list(batch.events) == [first]
        await batch.published(placed(batch.events))
        other = asyncio.create_task(mark_second())
        # Without the lock, the other relay commits immediately. With it, that relay has to wait for
        # this transaction.
        while not second_is_marked.is_set() and not await waits_for_positions(db):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        last_seen = await last_position(db)
        assert last_seen == 0
    await other
    unseen = await db.fetch("SELECT id FROM outbox WHERE position > $1", last_seen)
    assert {row["id"] for row in unseen} == {first.id, second.id}
    assert [row["position"] for row in await db.fetch(BY_POSITION)] == [1, 2]


BY_POSITION = "SELECT position FROM outbox WHERE published_at IS NOT NULL ORDER BY position"


async def last_position(db: OutboxDatabase) -> int:
    return max((row["position"] for row in await db.fetch(BY_POSITION)), default=0)


async def waits_for_positions(db: OutboxDatabase) -> bool:
    return bool(await db.fetch("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))


# --- Marks


async def forbid_marks(db: OutboxDatabase, event: Event, column: str) -> None:
    """Add a constraint that forbids setting a column for one event."""
    await db.execute(
        f"ALTER TABLE outbox ADD CONSTRAINT bad_row"
        f" CHECK (id <> '{event.id}' OR {column} IS NULL) NOT VALID"
    )


async def test_a_row_that_cannot_be_marked_keeps_the_marks_of_others(db: OutboxDatabase) -> None:
    events = [(await place(db.stored)).event for _ in range(3)]
    await forbid_marks(db, events[1], "position")
    assert await publish(db.stored.outbox) == events
    assert await db.stored.stored_facts.published() == [events[0].id, events[2].id]
    [(event_id, reason)] = (await db.stored.stored_facts.errors()).items()
    assert event_id == events[1].id
    assert reason.startswith("published, but not marked: ")
    assert "bad_row" in reason
    [row] = await db.fetch("SELECT attempts, retry_at FROM outbox WHERE id = $1", event_id)
    assert row["attempts"] == 1
    assert row["retry_at"] is not None


async def test_a_row_that_rejects_its_error_too_raises_unmarkable_events(
    db: OutboxDatabase,
) -> None:
    events = [(await place(db.stored)).event for _ in range(2)]
    await forbid_marks(db, events[1], "last_error")
    await db.execute("UPDATE outbox SET attempts = 2147483647 WHERE id = $1", events[1].id)
    await db.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no'; END $$"
    )
    await db.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE ON outbox FOR EACH ROW"
        f" WHEN (OLD.id = '{events[1].id}') EXECUTE FUNCTION refuse()"
    )
    with pytest.raises(UnmarkableEvents, match=str(events[1].id)):
        await publish(db.stored.outbox)
    assert await db.stored.stored_facts.published() == [events[0].id]


@pytest.mark.parametrize("attempts", [19, 1023, 1024, 100_000])
async def test_any_number_of_attempts_can_be_recorded(db: OutboxDatabase, attempts: int) -> None:
    refused, other = [(await place(db.stored)).event for _ in range(2)]
    await db.execute("UPDATE outbox SET attempts = $2 WHERE id = $1", refused.id, attempts)
    async with db.stored.outbox.batch(10) as batch:
        await batch.published(placed([other]))
        await batch.rejected({refused.id: "too large"})
    assert await db.stored.stored_facts.published() == [other.id]
    assert (await db.stored.outbox_admin.state()).parked == 1
    assert await waiting(db.stored.outbox) == []


async def test_relays_with_debts_for_the_same_orders_do_not_deadlock(
    db: OutboxDatabase,
) -> None:
    orders = [(await place(db.stored)).record.id for _ in range(20)]

    async def owe_and_settle(turn: int) -> None:
        for _ in range(10):
            async with db.stored.outbox.batch(0) as batch:
                await batch.published({}, orders if turn % 2 else orders[::-1])
            debts = await db.stored.cache_debts.oldest(20)
            await db.stored.cache_debts.settle(debts)

    async with asyncio.timeout(LONG):
        await asyncio.gather(*(owe_and_settle(turn) for turn in range(4)))


# --- A frozen relay


async def test_the_locks_of_a_frozen_relay_expire(db: OutboxDatabase) -> None:
    assert IDLE_IN_TRANSACTION_SECONDS <= 8
    event = (await place(db.stored)).event
    async with db.database.connection() as connection:  # the pool hands out this session next
        assert (
            await connection.fetchval(
                "SELECT current_setting('idle_in_transaction_session_timeout')"
            )
            == f"{IDLE_IN_TRANSACTION_SECONDS}s"
        )
        await connection.execute("SET idle_in_transaction_session_timeout = '1s'")
    with suppress(Exception):  # the server closes its connection
        async with PostgresOutbox(db.database).batch(10) as batch:
            assert list(batch.events) == [event]
            async with asyncio.timeout(LONG):
                while not await waiting(db.stored.outbox):  # noqa: ASYNC110 - there is no event
                    await asyncio.sleep(0.05)
            await batch.published(placed(batch.events))
    assert await db.stored.stored_facts.published() == []
    assert await publish(db.stored.outbox) == [event]


# --- Many rows


@pytest.mark.parametrize("are_counted", [True, False])
async def test_new_events_are_selected_by_index(db: OutboxDatabase, *, are_counted: bool) -> None:
    """Without fresh statistics, PostgreSQL used to sort all waiting events for each batch."""
    await db.execute("ALTER TABLE outbox SET (autovacuum_enabled = false)")
    await many_events(db, MANY, are_published=False, are_counted=are_counted)
    plan = await db.plan(sql.SELECT_NEW, 200)
    assert "Index Scan using outbox_unpublished" in plan, plan
    assert "on outbox_pkey" in plan or "using outbox_pkey" in plan, plan
    assert "Sort" not in plan, plan


async def test_vacuum_does_not_wait_for_a_share_of_the_table(db: OutboxDatabase) -> None:
    """Until then, each read passes the index entries of events that have been published."""
    (row,) = await db.fetch("SELECT reloptions FROM pg_class WHERE relname = 'outbox'")
    assert set(row["reloptions"]) == {
        "autovacuum_vacuum_scale_factor=0",
        "autovacuum_vacuum_threshold=50000",
    }


async def test_retries_and_replays_are_selected_by_index(db: OutboxDatabase) -> None:
    await many_events(db, MANY, are_published=True)
    await db.execute("UPDATE outbox SET replay_requested_at = now()")
    await many_events(db, MANY, are_published=False)
    await db.execute(
        "UPDATE outbox SET retry_at = now() WHERE published_at IS NULL AND id::text LIKE '00%'"
    )
    await db.execute("ANALYZE outbox")
    retries = await db.plan(sql.SELECT_RETRIES, 200)
    assert "outbox_retries" in retries, retries
    assert "Seq Scan" not in retries, retries
    replays = await db.plan(sql.SELECT_REPLAYS, 200)
    assert "Index Scan using outbox_replays" in replays, replays
    assert "Sort" not in replays.replace("Sort Key", ""), replays


async def test_the_state_is_counted_by_index_up_to_a_limit(db: OutboxDatabase) -> None:
    await many_events(db, COUNTED_AT_MOST + 2, are_published=False)
    await many_events(db, MANY, are_published=True)
    state = await db.stored.outbox_admin.state()
    assert (state.unpublished, state.parked, state.replays) == (COUNTED_AT_MOST + 1, 0, 0)
    assert state.oldest is not None
    plan = await db.plan(outbox_admin._STATE, COUNTED_AT_MOST + 1)
    assert "Seq Scan" not in plan, plan


async def test_a_full_replay_uses_short_transactions(
    db: OutboxDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_admin, "REPLAY_BATCH", 100)
    await many_events(db, 450, are_published=True)
    counts = [each.requested async for each in db.stored.outbox_admin.replay_since(NOW)]
    assert counts == [0, 100, 200, 300, 400, 450]
    requested = await db.fetch("SELECT count(DISTINCT replay_requested_at) FROM outbox")
    assert requested[0]["count"] == 5


async def test_a_full_replay_uses_an_index(db: OutboxDatabase) -> None:
    await many_events(db, MANY, are_published=True)
    await db.execute("UPDATE outbox SET published_at = now() + position * interval '1 ms'")
    await db.execute("ANALYZE outbox")
    row = (await db.fetch("SELECT published_at, subject FROM outbox WHERE position = 100"))[0]
    values: list[Any] = [row["published_at"], row["published_at"].replace(year=2100)]
    plan = await db.plan(outbox_admin._REPLAY_SOME, *values, row["subject"], 1, 1_000)
    chosen = plan[: plan.index("CTE requested")]  # the rest reads 1,000 rows by key
    assert "outbox_to_sweep" in chosen, plan
    assert "Seq Scan" not in chosen, plan


async def test_a_replay_excludes_events_published_after_its_start(
    db: OutboxDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_admin, "REPLAY_BATCH", 1)
    owner = await an_owner(db.stored)
    for _ in range(3):
        await place(db.stored, owner)
    await publish(db.stored.outbox)
    requests = []
    async for request in db.stored.outbox_admin.replay_since(NOW):
        requests.append(request)
        await place(db.stored, owner)
        await publish(db.stored.outbox, 1)
    assert requests[-1] == ReplayRequest(3)


async def test_a_replay_includes_tombstones(db: OutboxDatabase) -> None:
    await many_events(db, 2, are_published=True)
    await db.execute("UPDATE outbox SET payload = NULL, payload_is_null = (position = 1)")
    requests = [each async for each in db.stored.outbox_admin.replay_since(NOW)]
    assert requests[-1] == ReplayRequest(1, purged=1)


def test_the_advisory_lock_of_positions_has_a_valid_key() -> None:
    assert 0 < sql.POSITIONS_LOCK < 2**63
    assert UUID(int=sql.POSITIONS_LOCK).bytes.lstrip(b"\0") == b"outbox"
