"""Keys that a call in another process holds, and expired keys."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import asyncpg
import pytest

from adapters.postgres import idempotency
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.idempotency import _Call
from adapters.postgres.retention import PURGE_IDEMPOTENCY_KEYS, PostgresRetentionStore
from application.errors import IdempotencyInProgress
from application.ports.idempotency import KEY_LIFETIME, IdempotencyRecord
from application.ports.retention import Expiring
from domain.ids import UserId
from tests.contract.test_idempotency_keys import a_call
from tests.servers.plugin import Shared
from tests.support.adapters import Adapters
from tests.support.postgres import (
    adapters_over,
    new_database,
    opened_database,
    uncommitted_reference,
    wait_for_locks,
)
from tests.support.storage_actions import an_owner

_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1::text || ' ' || $2, 0))"

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


@pytest.fixture
async def database(postgres_server: Shared, migrated: str) -> AsyncIterator[Database]:
    async with new_database(postgres_server, migrated) as database:
        yield database


@pytest.fixture
def stored(database: Database) -> Adapters:
    return adapters_over(database)


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """An event that is set as soon as a call pauses because another one holds its key."""
    paused = asyncio.Event()

    async def sleep(seconds: float) -> None:
        paused.set()
        await asyncio.sleep(seconds)

    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 3_600.0)
    monkeypatch.setattr(idempotency, "sleep", sleep)
    return paused


async def until_paused(call: "asyncio.Task[IdempotencyRecord]", pause: asyncio.Event) -> None:
    """Wait until the call pauses. Fail if it returns instead."""
    paused = asyncio.create_task(pause.wait())
    await asyncio.wait([call, paused], return_when=asyncio.FIRST_COMPLETED)
    paused.cancel()
    assert not call.done(), "the call has not waited"


@asynccontextmanager
async def held_elsewhere(database: Database, owner: UserId, key: str) -> AsyncIterator[None]:
    """Hold a key in another session, like a process that is about to store an order."""
    connection = await asyncpg.connect(database.url)
    try:
        async with connection.transaction():
            await connection.execute(_LOCK, str(owner), key)
            yield
    finally:
        await connection.close()


async def test_a_call_waits_for_one_in_another_process(
    database: Database, stored: Adapters, pause: asyncio.Event
) -> None:
    owner = await an_owner(stored)
    write, record = a_call(owner)
    async with held_elsewhere(database, owner, "key"):
        waiting = asyncio.create_task(stored.storage.add_once(write, record))
        other, its_record = a_call(owner, "another")
        assert await stored.storage.add_once(other, its_record) == its_record
        await until_paused(waiting, pause)
    assert await waiting == record


async def test_a_call_does_not_wait_for_ever(
    database: Database, stored: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 0.2)
    owner = await an_owner(stored)
    async with held_elsewhere(database, owner, "key"):
        write, record = a_call(owner)
        with pytest.raises(IdempotencyInProgress):
            await stored.storage.add_once(write, record)
    assert await stored.reader.find(record.order_id) is None


async def test_calls_in_two_processes_store_one_order_per_key(
    database: Database, stored: Adapters
) -> None:
    async with opened_database(database.url) as other:
        storages = (stored.storage, adapters_over(other).storage)
        owner = await an_owner(stored)
        keys = [f"key-{n}" for n in range(5)]
        calls = [a_call(owner, key, key) for key in keys * 20]
        found = await asyncio.gather(
            *(storages[n % 2].add_once(*call) for n, call in enumerate(calls))
        )
    orders = await stored.reader.find_many([record.order_id for _, record in calls])
    assert len(orders) == len(keys)
    assert {record.order_id for record in found} == set(orders)


async def test_calls_with_the_same_key_never_share_a_batch(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = list[list[str]]()
    insert_batch = idempotency._insert_batch

    async def recorded(connection: Connection, calls: Sequence[_Call]) -> Sequence[bool]:
        batches.append([call.record.key.text for call in calls])
        return await insert_batch(connection, calls)

    monkeypatch.setattr(idempotency, "_insert_batch", recorded)
    stored = adapters_over(database)
    owner = await an_owner(stored)
    calls = [a_call(owner, f"key-{n % 10}") for n in range(100)]
    await asyncio.gather(*(stored.storage.add_once(*call) for call in calls))
    assert max(map(len, batches)) > 1
    assert [keys for keys in batches if len(set(keys)) < len(keys)] == []


async def test_a_call_gets_the_order_of_a_caller_that_is_gone(
    database: Database, stored: Adapters, pause: asyncio.Event
) -> None:
    owner = await an_owner(stored)
    write, first = a_call(owner, reference="cart-1")
    async with uncommitted_reference(database, owner, "cart-1"):
        gone = asyncio.create_task(stored.storage.add_once(write, first))
        await wait_for_locks(database, 1)
        gone.cancel()
        await asyncio.wait([gone])
        waiting = asyncio.create_task(stored.storage.add_once(*a_call(owner, reference="cart-1")))
        other, its_record = a_call(owner, "another")
        assert await stored.storage.add_once(other, its_record) == its_record
        await until_paused(waiting, pause)
    assert await waiting == first


async def test_only_expired_keys_are_purged(database: Database, stored: Adapters) -> None:
    retention, owner = PostgresRetentionStore(database), await an_owner(stored)
    for key in ("a", "b", "c"):
        await stored.storage.add_once(*a_call(owner, key))
    await stored.pass_time(KEY_LIFETIME.total_seconds() + 60)
    _, fresh = call = a_call(owner, "d")
    await stored.storage.add_once(*call)
    fast_clock = datetime.now(UTC) + 2 * KEY_LIFETIME
    slow_clock = datetime.now(UTC) - 2 * KEY_LIFETIME
    assert await retention.purge(Expiring.IDEMPOTENCY_KEYS, slow_clock, 10) == 0
    purged = [await retention.purge(Expiring.IDEMPOTENCY_KEYS, fast_clock, 2) for _ in range(3)]
    assert purged == [2, 1, 0]
    assert await stored.storage.add_once(*a_call(owner, "d")) == fresh


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (idempotency.FIND, "idempotency_keys_pkey"),
        (PURGE_IDEMPOTENCY_KEYS, "idempotency_keys_by_age"),
    ],
)
async def test_keys_are_found_along_an_index(
    database: Database, stored: Adapters, statement: str, index: str
) -> None:
    owner = await an_owner(stored)
    values = {
        idempotency.FIND: (owner, "key-1", KEY_LIFETIME),
        PURGE_IDEMPOTENCY_KEYS: (datetime.now(UTC), 1_000),
    }
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO idempotency_keys SELECT $1, 'key-' || n, '', gen_random_uuid(), '', now()"
            " FROM generate_series(1, 20000) AS n",
            owner,
        )
        await connection.execute("ANALYZE idempotency_keys")
        rows = await connection.fetch(f"EXPLAIN {statement}", *values[statement])
    plan = "\n".join(row[0] for row in rows)
    assert index in plan, plan
    assert "Seq Scan" not in plan, plan
