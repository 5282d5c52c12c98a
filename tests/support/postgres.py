"""The same ports on a real PostgreSQL, with a separate database for each test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import pytest

from adapters.postgres.access_changes import PostgresAccessChanges
from adapters.postgres.accounts import PostgresAccounts
from adapters.postgres.audit import PostgresAuditReader
from adapters.postgres.cache_debts import PostgresCacheDebts
from adapters.postgres.clients import PostgresClients
from adapters.postgres.database import Database
from adapters.postgres.dead_letters import PostgresAnnouncements, PostgresDeadLetters
from adapters.postgres.erasures import PostgresErasures
from adapters.postgres.export import PostgresExportReader
from adapters.postgres.leases import PostgresLeases
from adapters.postgres.migrations import migrate
from adapters.postgres.order_queries import (
    PostgresHistoryReader,
    PostgresKnownOrders,
    PostgresOrderReader,
)
from adapters.postgres.order_storage import PostgresOrderStorage
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.outbox_admin import PostgresOutboxAdmin
from adapters.postgres.outside_identities import PostgresOutsideIdentities
from adapters.postgres.schema_state import TABLES
from adapters.postgres.sessions import PostgresSessions
from adapters.postgres.unprocessed_orders import PostgresUnprocessedOrders
from adapters.serialisation.erasure import JsonPersonalDataEraser
from application.ports.events import Placement
from domain.ids import EventId, OrderId, UserId
from domain.order.events import Outcome
from tests.servers.databases import create_database, drop_database, fresh_database
from tests.servers.plugin import Shared
from tests.support.adapters import Adapters
from tests.support.deadlines import LONG, generous_deadlines
from tests.support.orders import RENDERER

T = TypeVar("T")

#: Makes every waiting row older by this many seconds.
_AGE = (
    """
UPDATE outbox SET retry_at = retry_at - $1 * interval '1 second',
                  published_at = published_at - $1 * interval '1 second',
                  handed_over_at = handed_over_at - $1 * interval '1 second'
""",
    "UPDATE leases SET expires_at = expires_at - $1::float8 * interval '1 second'",
    "UPDATE idempotency_keys SET created_at = created_at - $1::float8 * interval '1 second'",
    "UPDATE cache_debts SET owed_at = owed_at - $1::float8 * interval '1 second'",
)

_NAMES = """
SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables
WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""

_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture(scope="session")
def migrated(postgres_server: Shared) -> Iterator[str]:
    """The template for all other databases: at head, and without open connections."""
    url = beside(_made, postgres_server.url)
    yield urlsplit(url).path.removeprefix("/")
    beside(drop_database, postgres_server.url, url)


def beside(work: Callable[..., Coroutine[None, None, T]], *values: str) -> T:
    """Run a coroutine in another thread and return its result."""
    # A test's event loop may already be running in this thread.
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: asyncio.run(work(*values))).result()


async def _made(server_url: str) -> str:
    url = await create_database(server_url)
    await migrate_database(url)
    return url


async def migrate_database(url: str) -> None:
    """Bring a database to head in this process, which takes less time than `orders migrate`."""
    with generous_deadlines():
        await migrate(url)


async def clear_tables(database: Database) -> None:
    """Remove all rows, but keep the schema."""
    async with database.connection() as connection:
        tables = await connection.fetchval(_NAMES)
        await connection.execute(f"TRUNCATE {tables}")


class PostgresStoredFacts:
    """`StoredFacts` for a PostgreSQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def published(self) -> Sequence[EventId]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT id FROM outbox WHERE published_at IS NOT NULL ORDER BY position"
            )
        return [EventId(row["id"]) for row in rows]

    async def placements(self) -> Mapping[EventId, tuple[int, Placement]]:
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT * FROM outbox WHERE published_at IS NOT NULL")
        return {
            EventId(row["id"]): (
                row["position"],
                Placement(row["broker_partition"], row["broker_offset"]),
            )
            for row in rows
        }

    async def errors(self) -> Mapping[EventId, str]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT id, last_error FROM outbox WHERE last_error <> ''"
            )
        return {EventId(row["id"]): row["last_error"] for row in rows}

    async def effects(self, order_id: OrderId) -> Sequence[Outcome]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT outcome FROM effects WHERE order_id = $1", order_id
            )
        return [Outcome(row["outcome"]) for row in rows]

    async def dump(self) -> str:
        return await dump_of(self._database)


async def dump_of(database: Database) -> str:
    """Return every row of every table as text, with binary columns decoded."""
    async with database.connection() as connection:
        # `escape` shows printable bytes as they are.
        await connection.execute("SET bytea_output = 'escape'")
        try:
            tables = [
                await connection.fetch(f"SELECT ({table}.*)::text FROM {table}")  # noqa: S608
                for table in TABLES
            ]
        finally:
            await connection.execute("RESET bytea_output")
    return "\n".join(row[0] for table in tables for row in table)


@asynccontextmanager
async def opened_database(url: str, pool_size: int = 10) -> AsyncIterator[Database]:
    """Yield a pool on an existing database, and close it at the end of the block."""
    database = Database(url, pool_size)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def new_database(
    server: Shared, template: str | None = None, pool_size: int = 10
) -> AsyncIterator[Database]:
    """Yield a pool on a database that exists for the duration of the block."""
    async with (
        fresh_database(server.url, template) as url,
        opened_database(url, pool_size) as database,
    ):
        yield database


@asynccontextmanager
async def postgres_adapters(request: pytest.FixtureRequest) -> AsyncIterator[Adapters]:
    """Yield all ports on a new database."""
    server: Shared = request.getfixturevalue("postgres_server")
    template: str = request.getfixturevalue("migrated")
    async with new_database(server, template) as database:
        yield adapters_over(database)


def adapters_over(database: Database) -> Adapters:
    """Return all ports on this database."""

    async def pass_time(seconds: float) -> None:
        async with database.connection() as connection:
            for statement in _AGE:
                await connection.execute(statement, seconds)

    accounts = PostgresAccounts(database)
    sessions = PostgresSessions(database)
    return Adapters(
        storage=PostgresOrderStorage(database, RENDERER),
        reader=PostgresOrderReader(database, RENDERER),
        known=PostgresKnownOrders(database),
        history=PostgresHistoryReader(database),
        outbox=PostgresOutbox(database),
        unprocessed=PostgresUnprocessedOrders(database),
        leases=PostgresLeases(database),
        outbox_admin=PostgresOutboxAdmin(database),
        cache_debts=PostgresCacheDebts(database),
        dead_letters=PostgresDeadLetters(database),
        announcements=PostgresAnnouncements(database),
        accounts=accounts,
        directory=accounts,
        passwords=accounts,
        erasures=PostgresErasures(database, JsonPersonalDataEraser()),
        export=PostgresExportReader(database, RENDERER),
        outside_identities=PostgresOutsideIdentities(database),
        audit=PostgresAuditReader(database),
        clients=PostgresClients(database),
        sessions=sessions,
        session_admin=sessions,
        access_changes=PostgresAccessChanges(database),
        stored_facts=PostgresStoredFacts(database),
        pass_time=pass_time,
    )


@asynccontextmanager
async def uncommitted_reference(
    database: Database, owner: UserId, reference: str
) -> AsyncIterator[None]:
    """Hold an entry in the unique index until the end of the block, and then roll back."""
    async with database.connection(LONG) as connection:
        await connection.execute("BEGIN")
        await connection.execute(
            "INSERT INTO orders SELECT gen_random_uuid(), $1, $2, '[{}]', 1, 'USD', 'PENDING', 1,"
            " 1, now(), now(), NULL",
            owner,
            reference,
        )
        yield
        await connection.execute("ROLLBACK")


async def wait_for_locks(database: Database, count: int) -> None:
    """Wait until this number of sessions in the database are waiting for a lock."""
    async with asyncio.timeout(LONG), database.connection(LONG) as connection:
        while await connection.fetchval(_WAITING) < count:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.02)
