"""The outbox on a real PostgreSQL: what a twin in memory cannot show."""

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
from tests.servers.databases import fresh_database
from tests.servers.plugin import Shared
from tests.support.acts import an_owner, place, placed, publish, waiting
from tests.support.adapters import Adapters
from tests.support.deadlines import LONG
from tests.support.postgres import adapters_over
from tests.support.time import NOW

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

#: Rows that tell an index from a scan.
MANY = 30_000


@dataclass(frozen=True, slots=True)
class House:
    database: Database
    stored: Adapters

    async def execute(self, statement: str, *values: object) -> None:
        async with self.database.driver() as driver:
            await driver.execute(statement, *values)

    async def fetch(self, statement: str, *values: object) -> list[asyncpg.Record]:
        async with self.database.driver() as driver:
            rows: list[asyncpg.Record] = await driver.fetch(statement, *values)
        return rows

    async def plan(self, statement: str, *values: object) -> str:
        async with self.database.driver() as driver, driver.transaction():
            await driver.execute(sql.WALK_ALONG_INDEXES)
            rows = await driver.fetch(f"EXPLAIN {statement}", *values)
        return "\n".join(row[0] for row in rows)


@pytest.fixture
async def house(postgres_server: Shared, migrated: str) -> AsyncIterator[House]:
    async with fresh_database(postgres_server.url, migrated) as url:
        database = Database(url, pool_size=6)
        yield House(database, adapters_over(database))
        await database.close()


async def many_events(
    house: House, count: int, *, are_published: bool, are_counted: bool = True
) -> None:
    await house.execute(
        "INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at, position,"
        " published_at) SELECT gen_random_uuid(), 1, 1, gen_random_uuid(), 'new_order',"
        " 'order.created', 'x', now(), CASE WHEN $2 THEN n END, CASE WHEN $2 THEN now() END"
        " FROM generate_series(1, $1) AS n",
        count,
        are_published,
    )
    if are_counted:
        await house.execute("ANALYZE outbox")


# --- Positions


async def test_a_reader_of_later_positions_skips_no_event_of_two_relays(house: House) -> None:
    """The one that assigned the lower positions commits last, if nothing makes it go first."""
    first, second = [(await place(house.stored)).event for _ in range(2)]
    second_is_marked = asyncio.Event()

    async def mark_second() -> None:
        async with house.stored.outbox.batch(1) as batch:
            await batch.published(placed(batch.events))
        second_is_marked.set()

    async with house.stored.outbox.batch(1) as batch:
        assert list(batch.events) == [first]
        await batch.published(placed(batch.events))
        other = asyncio.create_task(mark_second())
        # Without a lock the other commits at once; with one it waits for this transaction.
        while not second_is_marked.is_set() and not await waits_for_positions(house):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        last_seen = await last_position(house)
        assert last_seen == 0
    await other
    unseen = await house.fetch("SELECT id FROM outbox WHERE position > $1", last_seen)
    assert {row["id"] for row in unseen} == {first.id, second.id}
    assert [row["position"] for row in await house.fetch(BY_POSITION)] == [1, 2]


BY_POSITION = "SELECT position FROM outbox WHERE published_at IS NOT NULL ORDER BY position"


async def last_position(house: House) -> int:
    return max((row["position"] for row in await house.fetch(BY_POSITION)), default=0)


async def waits_for_positions(house: House) -> bool:
    return bool(
        await house.fetch("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    )


# --- Marks


async def forbid_marks(house: House, event: Event, column: str) -> None:
    """Let the row of one event refuse any value in a column."""
    await house.execute(
        f"ALTER TABLE outbox ADD CONSTRAINT bad_row"
        f" CHECK (id <> '{event.id}' OR {column} IS NULL) NOT VALID"
    )


async def test_a_row_that_takes_no_mark_leaves_the_marks_of_the_others(house: House) -> None:
    events = [(await place(house.stored)).event for _ in range(3)]
    await forbid_marks(house, events[1], "position")
    assert await publish(house.stored.outbox) == events
    assert await house.stored.books.published() == [events[0].id, events[2].id]
    [(event_id, reason)] = (await house.stored.books.errors()).items()
    assert event_id == events[1].id
    assert reason.startswith("published, but not marked: ")
    assert "bad_row" in reason
    [row] = await house.fetch("SELECT attempts, retry_at FROM outbox WHERE id = $1", event_id)
    assert row["attempts"] == 1
    assert row["retry_at"] is not None


async def test_a_row_that_takes_no_mark_at_all_slows_its_relay_down(house: House) -> None:
    events = [(await place(house.stored)).event for _ in range(2)]
    await forbid_marks(house, events[1], "last_error")
    await house.execute("UPDATE outbox SET attempts = 2147483647 WHERE id = $1", events[1].id)
    await house.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no'; END $$"
    )
    await house.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE ON outbox FOR EACH ROW"
        f" WHEN (OLD.id = '{events[1].id}') EXECUTE FUNCTION refuse()"
    )
    with pytest.raises(UnmarkableEvents, match=str(events[1].id)):
        await publish(house.stored.outbox)
    assert await house.stored.books.published() == [events[0].id]


@pytest.mark.parametrize("attempts", [19, 1023, 1024, 100_000])
async def test_no_number_of_rejections_rolls_the_marks_back(house: House, attempts: int) -> None:
    refused, other = [(await place(house.stored)).event for _ in range(2)]
    await house.execute("UPDATE outbox SET attempts = $2 WHERE id = $1", refused.id, attempts)
    async with house.stored.outbox.batch(10) as batch:
        await batch.published(placed([other]))
        await batch.rejected({refused.id: "too large"})
    assert await house.stored.books.published() == [other.id]
    assert (await house.stored.outbox_admin.state()).parked == 1
    assert await waiting(house.stored.outbox) == []


async def test_relays_that_owe_the_cache_the_same_orders_do_not_block_each_other(
    house: House,
) -> None:
    orders = [(await place(house.stored)).record.id for _ in range(20)]

    async def owe_and_settle(turn: int) -> None:
        for _ in range(10):
            async with house.stored.outbox.batch(0) as batch:
                await batch.published({}, orders if turn % 2 else orders[::-1])
            debts = await house.stored.cache_debts.oldest(20)
            await house.stored.cache_debts.settle(debts)

    async with asyncio.timeout(LONG):
        await asyncio.gather(*(owe_and_settle(turn) for turn in range(4)))


# --- A frozen relay


async def test_the_locks_of_a_frozen_relay_end_by_themselves(house: House) -> None:
    assert IDLE_IN_TRANSACTION_SECONDS <= 8
    event = (await place(house.stored)).event
    async with house.database.driver() as driver:  # the pool hands out this session next
        assert (
            await driver.fetchval("SELECT current_setting('idle_in_transaction_session_timeout')")
            == f"{IDLE_IN_TRANSACTION_SECONDS}s"
        )
        await driver.execute("SET idle_in_transaction_session_timeout = '1s'")
    with suppress(Exception):  # its connection is closed by the server
        async with PostgresOutbox(house.database).batch(10) as batch:
            assert list(batch.events) == [event]
            async with asyncio.timeout(LONG):
                while not await waiting(house.stored.outbox):  # noqa: ASYNC110 - it sets no event
                    await asyncio.sleep(0.05)
            await batch.published(placed(batch.events))
    assert await house.stored.books.published() == []
    assert await publish(house.stored.outbox) == [event]


# --- Many rows


@pytest.mark.parametrize("are_counted", [True, False])
async def test_new_events_are_found_along_the_index_among_many(
    house: House, *, are_counted: bool
) -> None:
    """PostgreSQL learns late how many wait; then it sorted them all, or worse, in each round."""
    await house.execute("ALTER TABLE outbox SET (autovacuum_enabled = false)")
    await many_events(house, MANY, are_published=False, are_counted=are_counted)
    plan = await house.plan(sql.SELECT_NEW, 200)
    assert "Index Scan using outbox_unpublished" in plan, plan
    assert "on outbox_pkey" in plan or "using outbox_pkey" in plan, plan
    assert "Sort" not in plan, plan


async def test_retries_and_replays_are_found_along_their_indexes(house: House) -> None:
    await many_events(house, MANY, are_published=True)
    await house.execute("UPDATE outbox SET replay_requested_at = now()")
    await many_events(house, MANY, are_published=False)
    await house.execute(
        "UPDATE outbox SET retry_at = now() WHERE published_at IS NULL AND id::text LIKE '00%'"
    )
    await house.execute("ANALYZE outbox")
    retries = await house.plan(sql.SELECT_RETRIES, 200)
    assert "outbox_retries" in retries, retries
    assert "Seq Scan" not in retries, retries
    replays = await house.plan(sql.SELECT_REPLAYS, 200)
    assert "Index Scan using outbox_replays" in replays, replays
    assert "Sort" not in replays.replace("Sort Key", ""), replays


async def test_the_state_is_counted_up_to_a_bound_along_the_index(house: House) -> None:
    await many_events(house, COUNTED_AT_MOST + 2, are_published=False)
    await many_events(house, MANY, are_published=True)
    state = await house.stored.outbox_admin.state()
    assert (state.unpublished, state.parked, state.replays) == (COUNTED_AT_MOST + 1, 0, 0)
    assert state.oldest is not None
    plan = await house.plan(outbox_admin._STATE, COUNTED_AT_MOST + 1)
    assert "Seq Scan" not in plan, plan


async def test_a_replay_of_everything_works_in_short_transactions(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_admin, "REPLAY_BATCH", 100)
    await many_events(house, 450, are_published=True)
    counts = [each.requested async for each in house.stored.outbox_admin.replay_since(NOW)]
    assert counts == [0, 100, 200, 300, 400, 450]
    requested = await house.fetch("SELECT count(DISTINCT replay_requested_at) FROM outbox")
    assert requested[0]["count"] == 5


async def test_a_replay_of_everything_walks_along_the_index(house: House) -> None:
    await many_events(house, MANY, are_published=True)
    await house.execute("UPDATE outbox SET published_at = now() + position * interval '1 ms'")
    await house.execute("ANALYZE outbox")
    row = (await house.fetch("SELECT published_at, subject FROM outbox WHERE position = 100"))[0]
    values: list[Any] = [row["published_at"], row["published_at"].replace(year=2100)]
    plan = await house.plan(outbox_admin._REPLAY_SOME, *values, row["subject"], 1, 1_000)
    chosen = plan[: plan.index("CTE requested")]  # the rest looks up a thousand rows by their keys
    assert "outbox_to_sweep" in chosen, plan
    assert "Seq Scan" not in chosen, plan


async def test_a_replay_ends_with_what_is_published_when_it_begins(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_admin, "REPLAY_BATCH", 1)
    owner = await an_owner(house.stored)
    for _ in range(3):
        await place(house.stored, owner)
    await publish(house.stored.outbox)
    requests = []
    async for request in house.stored.outbox_admin.replay_since(NOW):
        requests.append(request)
        await place(house.stored, owner)
        await publish(house.stored.outbox, 1)
    assert requests[-1] == ReplayRequest(3)


async def test_a_replay_finds_tombstones_too(house: House) -> None:
    await many_events(house, 2, are_published=True)
    await house.execute("UPDATE outbox SET payload = NULL, payload_is_null = (position = 1)")
    requests = [each async for each in house.stored.outbox_admin.replay_since(NOW)]
    assert requests[-1] == ReplayRequest(1, purged=1)


def test_the_lock_of_the_positions_is_a_number_that_postgresql_knows() -> None:
    assert 0 < sql.POSITIONS_LOCK < 2**63
    assert UUID(int=sql.POSITIONS_LOCK).bytes.lstrip(b"\0") == b"outbox"
