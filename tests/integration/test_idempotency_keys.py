"""Keys that a call in another process holds, and expired keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import pytest

from adapters.postgres import idempotency
from adapters.postgres.database import Database
from adapters.postgres.retention import PostgresRetentionStore
from application.errors import IdempotencyInProgress
from application.ports.idempotency import KEY_LIFETIME
from application.ports.retention import Expiring
from domain.ids import UserId
from tests.contract.test_idempotency_keys import a_call
from tests.servers.plugin import Shared
from tests.support.adapters import Adapters
from tests.support.postgres import adapters_over, new_database
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
    database: Database, stored: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 3_600.0)
    owner = await an_owner(stored)
    write, record = a_call(owner)
    async with held_elsewhere(database, owner, "key"):
        waiting = asyncio.create_task(stored.storage.add_once(write, record))
        other, its_record = a_call(owner, "another")
        assert await stored.storage.add_once(other, its_record) == its_record
        assert not waiting.done()
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


async def test_only_expired_keys_are_purged(database: Database, stored: Adapters) -> None:
    retention, owner = PostgresRetentionStore(database), await an_owner(stored)
    for key in ("a", "b", "c"):
        await stored.storage.add_once(*a_call(owner, key))
    now = datetime.now(UTC)
    assert await retention.purge(Expiring.IDEMPOTENCY_KEYS, now - KEY_LIFETIME, 10) == 0
    later = now + timedelta(minutes=1)
    purged = [await retention.purge(Expiring.IDEMPOTENCY_KEYS, later, 2) for _ in range(3)]
    assert purged == [2, 1, 0]
