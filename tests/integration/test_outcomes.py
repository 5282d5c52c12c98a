"""The outcome reported for unconfirmed changes, and batches with conflicting orders."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import asyncpg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.migrations import migrate
from adapters.postgres.order_storage import PostgresOrderStorage
from application.documents import OrderWrite
from application.errors import NOTHING_CHANGED, OUTCOME_UNKNOWN, Unavailable
from application.ports.idempotency import IdempotencyKey, IdempotencyRecord
from domain.errors import ReferenceTaken
from domain.ids import UserId
from libraries.asyncio_tools.time_budget import storage_deadline
from tests.servers.databases import fresh_database
from tests.servers.plugin import NewServer, Shared
from tests.servers.server import Server
from tests.support.adapters import Adapters
from tests.support.deadlines import LONG, generous_deadlines
from tests.support.orders import PAID, RENDERER, STAFF, a_placed_order, rendered_write
from tests.support.postgres import (
    adapters_over,
    opened_database,
    uncommitted_reference,
    wait_for_locks,
)
from tests.support.storage_actions import an_owner, order_in, place
from tests.support.time import NOW

#: How long an unanswered call may take in these tests, in seconds.
DEADLINE_SECONDS = 2.0


@pytest.fixture
async def server(new_postgres: NewServer) -> AsyncIterator[Server]:
    """A private PostgreSQL with the current schema."""
    with new_postgres() as server:
        with generous_deadlines():
            await migrate(server.url)
        yield server


@pytest.fixture
async def database(server: Server) -> AsyncIterator[Database]:
    database = Database(server.url, 2)
    yield database
    await database.close()


@contextmanager
def deadline() -> Iterator[None]:
    """Set a request deadline for the duration of the block."""
    token = storage_deadline.set(asyncio.get_running_loop().time() + DEADLINE_SECONDS)
    yield
    storage_deadline.reset(token)


async def outcome_of(change: Awaitable[object]) -> str:
    """Return the error message for an unconfirmed change."""
    with deadline(), pytest.raises(Unavailable) as error:
        await change
    return str(error.value)


async def pay(adapters: Adapters, write: OrderWrite) -> None:
    async with adapters.begin() as tx:
        order = await tx.orders.get(write.record.id)
        await tx.orders.save(rendered_write(order.move_to(PAID, STAFF, None, NOW)))
        await tx.commit()


def record_of(write: OrderWrite) -> IdempotencyRecord:
    key = IdempotencyKey("key", bytes(32))
    return IdempotencyRecord(write.record.owner, key, write.record.id, write.document.body)


async def set_up(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url, timeout=LONG)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def test_a_commit_that_waits_for_a_standby_has_an_unknown_outcome(
    server: Server, database: Database
) -> None:
    with generous_deadlines():
        adapters = adapters_over(database)
        owner = await an_owner(adapters)
        write = await place(adapters, owner)
        await set_up(server.url, "ALTER SYSTEM SET synchronous_standby_names = 'nowhere'")
        server.stop()
        server.start()
        with suppress(Unavailable):  # the pool may still hold the closed connection
            await database.ping()
        await database.ping()
    created = rendered_write(a_placed_order(owner))
    assert await outcome_of(adapters.storage.add(created)) == OUTCOME_UNKNOWN
    assert await outcome_of(pay(adapters, write)) == OUTCOME_UNKNOWN
    assert await outcome_of(an_owner(adapters)) == OUTCOME_UNKNOWN
    keyed = rendered_write(a_placed_order(owner))
    record = record_of(keyed)
    assert await outcome_of(adapters.storage.add_once(keyed, record)) == OUTCOME_UNKNOWN
    with generous_deadlines():
        # The changes have been made.
        await set_up(
            server.url, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()"
        )
        assert (await order_in(adapters, created.record.id)).version == 1
        assert (await order_in(adapters, write.record.id)).version == 2
        again = rendered_write(a_placed_order(owner))
        assert await adapters.storage.add_once(again, record_of(again)) == record


async def test_a_change_sent_to_a_frozen_server_has_an_unknown_outcome(
    server: Server, database: Database
) -> None:
    with generous_deadlines():
        adapters = adapters_over(database)
        write = await place(adapters)
    server.pause()
    created = rendered_write(a_placed_order(write.record.owner))
    assert await outcome_of(adapters.storage.add(created)) == OUTCOME_UNKNOWN
    # The pool doesn't have an open connection now, so nothing is sent.
    assert await outcome_of(adapters.storage.add(created)) == NOTHING_CHANGED
    assert await outcome_of(pay(adapters, write)) == NOTHING_CHANGED
    assert await outcome_of(adapters.reader.find(write.record.id)) == NOTHING_CHANGED
    server.resume()


async def test_a_failure_before_the_commit_is_reported_as_no_change(
    server: Server, database: Database
) -> None:
    with generous_deadlines():
        adapters = adapters_over(database)
        write = await place(adapters)

    async def pay_meanwhile() -> None:
        async with adapters.begin() as tx:
            order = await tx.orders.get(write.record.id)
            server.pause()
            await tx.orders.save(rendered_write(order.move_to(PAID, STAFF, None, NOW)))

    assert await outcome_of(pay_meanwhile()) == NOTHING_CHANGED
    server.resume()
    with generous_deadlines():
        assert (await order_in(adapters, write.record.id)).version == 1


async def test_a_failed_read_is_reported_as_no_change(server: Server, database: Database) -> None:
    with generous_deadlines():
        adapters = adapters_over(database)
        write = await place(adapters)
    server.pause()
    assert await outcome_of(adapters.reader.find(write.record.id)) == NOTHING_CHANGED
    server.resume()


async def test_a_change_without_a_connection_is_reported_as_no_change(database: Database) -> None:
    with generous_deadlines():
        adapters = adapters_over(database)
        owner = await an_owner(adapters)
    async with database.connection(LONG), database.connection(LONG):
        created = rendered_write(a_placed_order(owner))
        assert await outcome_of(adapters.storage.add(created)) == NOTHING_CHANGED
        assert await outcome_of(an_owner(adapters)) == NOTHING_CHANGED


# --- Batches


@pytest.fixture
async def processes(
    postgres_server: Shared, migrated: str
) -> AsyncIterator[tuple[Database, Database]]:
    """The connection pools of two processes that share a database."""
    async with (
        fresh_database(postgres_server.url, migrated) as url,
        opened_database(url, 4) as one,
        opened_database(url, 4) as other,
    ):
        yield one, other


@pytest.mark.usefixtures("with_generous_deadlines")
async def test_groups_with_crossed_references_do_not_deadlock(
    processes: tuple[Database, Database],
) -> None:
    one, other = processes
    owner = await an_owner(adapters_over(one))
    crossed = ["first", "middle", "last"]
    async with uncommitted_reference(one, owner, "middle"):
        groups = [
            create_group(PostgresOrderStorage(database, RENDERER), owner, references)
            for database, references in ((one, crossed), (other, crossed[::-1]))
        ]
        await wait_for_locks(one, 2)
    results = [each for group in groups for each in await group]
    # One of the groups has stored each reference.
    assert Counter(type(each) for each in results) == {type(None): 3, ReferenceTaken: 3}


def create_group(
    storage: PostgresOrderStorage, owner: UserId, references: Sequence[str]
) -> "asyncio.Future[list[BaseException | None]]":
    """Create orders with these references as one group."""
    writes = [rendered_write(a_placed_order(owner, reference=each)) for each in references]
    return asyncio.gather(*map(storage.add, writes), return_exceptions=True)


@pytest.mark.usefixtures("with_generous_deadlines")
async def test_an_order_that_the_database_rejects_affects_no_other(
    processes: tuple[Database, Database],
) -> None:
    database, _ = processes
    adapters = adapters_over(database)
    owner = await an_owner(adapters)
    writes = [rendered_write(a_placed_order(owner)) for _ in range(5)]
    writes[2] = replace(writes[2], record=writes[2].record._replace(items="[]"))
    results = await asyncio.gather(*map(adapters.storage.add, writes), return_exceptions=True)
    kinds = [type(each) for each in results]
    assert kinds == [type(None)] * 2 + [asyncpg.CheckViolationError] + [type(None)] * 2
    assert (await order_in(adapters, writes[4].record.id)).owner == owner
