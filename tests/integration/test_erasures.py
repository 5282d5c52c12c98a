"""Erasures on PostgreSQL: locks, crashes, races, and what the database contains afterwards."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from adapters.memory.cache import MemoryOrderCache
from adapters.postgres.database import Database
from application.accounts.continue_erasures import ContinueErasures
from application.accounts.erase_personal_data import BATCH, ErasePersonalData
from application.delivery.refresh_cache import RefreshCache
from application.ports.audit import AuditReport
from application.ports.erasures import Erasure
from domain.order.status import OrderStatus
from tests.servers.plugin import Shared
from tests.support.adapters import Adapters
from tests.support.orders import STAFF, rendered_write
from tests.support.persons import (
    HASH,
    Person,
    a_person,
    a_session,
    begin_session,
    buy,
    cancel,
    live,
)
from tests.support.postgres import adapters_over, dump_of, new_database
from tests.support.storage_actions import order_in, publish
from tests.support.time import NOW, MovableClock

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


@pytest.fixture
async def database(postgres_server: Shared, migrated: str) -> AsyncIterator[Database]:
    async with new_database(postgres_server, migrated) as database:
        yield database


@pytest.fixture
def stored(database: Database) -> Adapters:
    return adapters_over(database)


def erasing(stored: Adapters, clock: MovableClock) -> ErasePersonalData:
    cache = MemoryOrderCache(300)
    return ErasePersonalData(
        stored.erasures, RefreshCache(stored.reader, cache), stored.cache_debts, clock
    )


async def close(stored: Adapters, person: Person) -> Erasure:
    assert await stored.erasures.begin(person.account.id, HASH, "unusable", NOW)
    return Erasure(person.account.id)


async def audit(stored: Adapters) -> AuditReport:
    return await stored.audit.audit(
        NOW, timedelta(minutes=5), broker_reachable=True, progress=lambda _seen, _all: None
    )


async def test_the_database_has_no_trace_of_the_person_and_every_trace_of_others(
    database: Database, stored: Adapters
) -> None:
    persons = [await live(stored, name) for name in ("ada-lovelace", "bob-noyce")]
    ada, bob = persons
    before = await dump_of(database)
    counts = {name: before.count(name) for name in (ada.name, bob.name)}
    assert min(counts.values()) > 20
    clock = MovableClock()
    assert await erasing(stored, clock)(await close(stored, ada), lambda: True)
    after = await dump_of(database)
    assert (after.count(ada.name), after.count(bob.name)) == (0, counts[bob.name])
    report = await audit(stored)
    assert (report.lost.count, report.duplicated.count) == (0, 0)


async def test_an_erasure_continues_after_a_crash_between_two_batches(
    database: Database, stored: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.accounts.erase_personal_data.BATCH", 2)
    assert BATCH > 2
    ada = await a_person(stored, "ada-lovelace")
    order_ids = [await buy(stored, ada) for _ in range(7)]
    await cancel(stored, ada, order_ids[-1])
    clock = MovableClock()
    erasure = await close(stored, ada)
    crashed = await erasing(stored, clock)(erasure, lambda: False)
    assert not crashed
    assert ada.name in await dump_of(database)
    # Another process:
    continue_erasures = ContinueErasures(stored.erasures, erasing(stored, clock), clock)
    assert await continue_erasures(lambda: None) == 1
    assert ada.name not in await dump_of(database)
    assert (await stored.erasures.due(clock.now(), 10)) == []
    await clock.advance(60)
    assert await continue_erasures(lambda: None) == 1
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT * FROM erasures WHERE completed_at IS NOT NULL")
    assert [row["user_id"] for row in rows] == [ada.account.id]


async def test_rows_that_a_relay_has_locked_are_erased_later(
    database: Database, stored: Adapters
) -> None:
    ada = await a_person(stored, "ada-lovelace")
    await buy(stored, ada)
    erasure = await close(stored, ada)
    clock = MovableClock()
    erase = erasing(stored, clock)
    async with stored.outbox.batch(10) as batch:
        assert len(batch.events) == 1
        assert not await erase(erasure, lambda: True)  # without waiting
        assert ada.name in await dump_of(database)
    await clock.advance(60)
    (due,) = await stored.erasures.due(clock.now(), 10)
    assert due.passes == 0
    assert await erase(due, lambda: True)
    assert ada.name not in await dump_of(database)


async def test_an_order_that_is_locked_is_erased_later(
    database: Database, stored: Adapters
) -> None:
    ada = await a_person(stored, "ada-lovelace")
    order_id = await buy(stored, ada)
    erasure = await close(stored, ada)
    erase = erasing(stored, MovableClock())
    async with database.connection() as connection, connection.transaction():
        await connection.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", order_id)
        assert not await erase(erasure, lambda: True)
    assert await erase(erasure, lambda: True)
    assert ada.name not in await dump_of(database)


async def test_the_reason_in_a_locked_event_of_another_is_erased_later(
    database: Database, stored: Adapters
) -> None:
    ada, bob = await a_person(stored, "ada-lovelace"), await a_person(stored, "bob")
    order_id = await buy(stored, bob)
    await publish(stored.outbox)
    await cancel(stored, ada, order_id)
    erasure = await close(stored, ada)
    erase = erasing(stored, MovableClock())
    async with stored.outbox.batch(10):
        assert not await erase(erasure, lambda: True)
    assert (await dump_of(database)).count(ada.name) == 2
    assert await erase(erasure, lambda: True)
    assert ada.name not in await dump_of(database)


async def test_a_write_that_has_read_the_order_before_is_erased_by_the_last_pass(
    database: Database, stored: Adapters
) -> None:
    ada = await a_person(stored, "ada-lovelace")
    order_id = await buy(stored, ada)
    erasure = await close(stored, ada)
    clock = MovableClock()
    erase = erasing(stored, clock)
    stale = await order_in(stored, order_id)
    assert await erase(erasure, lambda: True)
    async with stored.begin() as transaction:
        change = stale.move_to(OrderStatus.PAID, STAFF, "paid", NOW)
        await transaction.orders.save(rendered_write(change))
        await transaction.commit()
    assert ada.name in await dump_of(database)
    await clock.advance(60)
    (last,) = await stored.erasures.due(clock.now(), 10)
    assert await erase(last, lambda: True)
    assert ada.name not in await dump_of(database)
    report = await audit(stored)
    assert (report.lost.count, report.duplicated.count) == (0, 0)


@pytest.mark.parametrize("login_is_first", [True, False])
async def test_a_login_that_races_a_password_change_has_no_session(
    database: Database, stored: Adapters, *, login_is_first: bool
) -> None:
    ada = await a_person(stored, "ada")
    session = a_session(ada.account.id)

    async def change() -> object:
        return await stored.passwords.change(ada.account.id, HASH, "new", None)

    async def log_in() -> object:
        return await begin_session(stored, session)

    calls = (log_in, change) if login_is_first else (change, log_in)
    async with database.connection() as connection, connection.transaction():
        # Both wait for this row, and then continue in the order in which they came.
        await connection.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", ada.account.id)
        tasks = []
        for number, call in enumerate(calls, 1):
            tasks.append(asyncio.create_task(call()))
            await waiting_for_locks(database, number)
    await asyncio.gather(*tasks)
    assert await stored.session_admin.of_user(ada.account.id, NOW) == []


async def waiting_for_locks(database: Database, count: int) -> None:
    """Wait until this many transactions of the database are waiting for a lock."""
    while True:
        async with database.connection() as connection:
            waiting = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        if waiting >= count:
            return
        await asyncio.sleep(0.01)
