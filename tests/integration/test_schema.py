"""Compare the schema with the migrations, the domain's rules and the queries."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import product
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.postgres.alembic_upgrade import alembic_config
from adapters.postgres.database import Database
from adapters.postgres.dead_letters import PostgresDeadLetters
from adapters.postgres.migrations import migrate, schema_of
from adapters.postgres.order_queries import PAGES, Page, page_parameters, page_query
from adapters.postgres.schema_state import TABLES, State, head
from adapters.postgres.tables import metadata
from application.delivery.dead_letters import dead_letter_copy, dead_letter_from
from application.delivery.topics import PROCESSING
from application.ports.events import Delivery
from application.ports.orders import OrderFilter
from domain.ids import EventId, OrderId, UserId
from domain.order.status import TRANSITIONS, OrderStatus
from tests.servers.plugin import Shared
from tests.support.orders import IDS, way_to
from tests.support.postgres import adapters_over, new_database
from tests.support.storage_actions import an_owner, place
from tests.support.time import NOW

_ADMIT_IN_0004 = """
INSERT INTO inbox (order_id, admitted_at) VALUES ($1, $2)
ON CONFLICT ON CONSTRAINT inbox_pkey DO NOTHING
"""

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


@pytest.fixture
async def empty(postgres_server: Shared) -> AsyncIterator[Database]:
    """A database without tables."""
    async with new_database(postgres_server) as database:
        yield database


@pytest.fixture
async def at_head(postgres_server: Shared, migrated: str) -> AsyncIterator[Database]:
    """A database at the newest revision."""
    async with new_database(postgres_server, migrated) as database:
        yield database


async def test_each_migration_runs_up_down_and_up_again(empty: Database) -> None:
    for revision in ("head", "base", "head"):
        await _run(empty, revision)
    assert (await schema_of(empty.url)).state is State.CURRENT


async def test_dead_letters_survive_a_downgrade_and_an_upgrade(empty: Database) -> None:
    await _run(empty, "head")
    dead_letters = PostgresDeadLetters(empty)
    odd = (("odd\0", b"\xff"), ("null", None), ("odd\0", "\u2603".encode()))
    dead_letter = dead_letter_from(Delivery(None, None, odd), "new_order", "no", 1, NOW)
    await dead_letters.add(dead_letter, dead_letter_copy(dead_letter, EventId(IDS.new(NOW))))
    await _run(empty, "0002")
    await _run(empty, "head")
    [kept] = await dead_letters.find([dead_letter.id])
    assert (kept.value, kept.headers) == (b"", (("odd\0", "\u2603".encode()), ("null", b"")))


async def _run(database: Database, revision: str, *, down: bool = False) -> None:
    def step(connection: Connection) -> None:
        is_down = down or revision in {"base", "0002"}
        move = command.downgrade if is_down else command.upgrade
        move(alembic_config(connection), revision)

    engine = engine_of(database)
    async with engine.connect() as connection:
        await connection.run_sync(step)
    await engine.dispose()


def engine_of(database: Database) -> AsyncEngine:
    return create_async_engine(database.url.replace("postgresql://", "postgresql+asyncpg://"))


async def test_previous_release_adds_rows_of_the_processing_to_the_inbox(empty: Database) -> None:
    old, new = IDS.new(NOW), IDS.new(NOW)
    await _run(empty, "0004")
    async with empty.connection() as connection:
        await connection.execute(_ADMIT_IN_0004, old, NOW)
    await _run(empty, "0005")
    async with empty.connection() as connection:
        for message_id in (old, new):
            await connection.execute(_ADMIT_IN_0004, message_id, NOW)
    unit_of_work = adapters_over(empty).begin
    for consumer, is_new in ((PROCESSING, False), ("shipping-mail", True)):
        for message_id in (old, new):
            async with unit_of_work() as tx:
                assert await tx.inbox.add(consumer, message_id, NOW) is is_new
                await tx.commit()
    await _run(empty, "0004", down=True)
    async with empty.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM inbox") == 2


def test_newest_revision_is_the_head_of_alembic() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [head()]


def test_the_schemas_state_looks_at_every_table() -> None:
    assert set(TABLES) == set(metadata.tables)


async def test_schema_of_a_later_release_is_accepted(at_head: Database) -> None:
    async with at_head.connection() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert (await schema_of(at_head.url)).state is State.CURRENT
    assert not await migrate(at_head.url)


async def test_several_processes_migrate_at_once(empty: Database) -> None:
    changed = await asyncio.gather(*(migrate(empty.url) for _ in range(6)))
    assert sorted(changed) == [False] * 5 + [True]


async def test_tables_of_the_code_equal_tables_of_the_migrations(at_head: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    engine = engine_of(at_head)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


@pytest.mark.parametrize(("before", "after"), list(product(OrderStatus, OrderStatus)))
async def test_lifecycle_of_the_database_equals_the_domains(
    at_head: Database, before: OrderStatus, after: OrderStatus
) -> None:
    order_id = await _order_at(at_head, before)
    legal = after is before or after in TRANSITIONS[before]
    step = 0 if after is before else 1
    async with at_head.connection() as connection:
        change = connection.execute(
            "UPDATE orders SET status = $2, version = version + $3, revision = revision + $3"
            " WHERE id = $1",
            order_id,
            after.value,
            step,
        )
        if legal:
            assert await change == "UPDATE 1"
        else:
            with pytest.raises(asyncpg.CheckViolationError) as refusal:
                await change
            assert refusal.value.constraint_name == "orders_lifecycle"


async def _order_at(database: Database, status: OrderStatus) -> OrderId:
    order_id = await _placed(database)
    async with database.connection() as connection:
        for step in way_to(status):
            await connection.execute(
                "UPDATE orders SET status = $2, version = version + 1, revision = revision + 1"
                " WHERE id = $1",
                order_id,
                step.value,
            )
    return order_id


async def _placed(database: Database) -> OrderId:
    adapters = adapters_over(database)
    order = await place(adapters, await an_owner(adapters))
    return order.record.id


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("total_price = total_price + 1", "orders_lifecycle"),
        ("user_id = gen_random_uuid()", "orders_lifecycle"),
        ("version = version + 1, revision = revision + 1", "orders_lifecycle"),
        ("revision = 0", "orders_lifecycle"),
        ("processed_at = now()", "orders_revision_counts_writes"),
        ("reference = ''", "orders_reference_length"),
        ("items = '[]'", "orders_items_count"),
        ("status = 'LOST'", "orders_lifecycle"),
    ],
)
async def test_database_refuses_writes_against_the_rules(
    at_head: Database, change: str, constraint: str
) -> None:
    order_id = await _placed(at_head)
    async with at_head.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError) as refusal:
            await connection.execute(f"UPDATE orders SET {change} WHERE id = $1", order_id)  # noqa: S608 - the table's own rows above
    assert refusal.value.constraint_name == constraint


async def test_processed_order_stays_processed(at_head: Database) -> None:
    order_id = await _placed(at_head)
    async with at_head.connection() as connection:
        await connection.execute(
            "UPDATE orders SET processed_at = now(), revision = 2 WHERE id = $1", order_id
        )
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "UPDATE orders SET processed_at = NULL WHERE id = $1", order_id
            )


async def test_new_order_is_pending_at_version_1(at_head: Database) -> None:
    order_id = await _placed(at_head)
    async with at_head.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError) as refusal:
            await connection.execute(
                "INSERT INTO orders SELECT gen_random_uuid(), user_id, NULL, items, total_price,"
                " currency, 'PAID', 2, 2, created_at, updated_at, NULL FROM orders WHERE id = $1",
                order_id,
            )
    assert refusal.value.constraint_name == "orders_lifecycle"


_OWNER = UserId(UUID(int=1))
_FILTERS = [
    OrderFilter(owner=owner, statuses=statuses, reference=reference)
    for owner in (None, _OWNER)
    for statuses in (
        frozenset[OrderStatus](),
        frozenset({OrderStatus.PAID}),
        frozenset({OrderStatus.PAID, OrderStatus.CANCELED}),
    )
    for reference in (None, "web-1")
]


@pytest.mark.parametrize("after", [None, OrderId(UUID(int=2**127))])
@pytest.mark.parametrize("wanted", _FILTERS)
async def test_no_page_needs_a_scan_or_a_sort(
    at_head: Database, wanted: OrderFilter, after: OrderId | None
) -> None:
    plan = await _plan(at_head, *page_query(wanted, after, 21))
    if wanted.reference is None:  # the index has at most one order per user, so sorting is cheap
        assert "Sort" not in plan.replace("Sort Key", ""), plan


async def test_batched_pages_are_index_scans_too(
    at_head: Database,
) -> None:
    asked = [Page(_OWNER, OrderId(UUID(int=2**127)), 21)] * 3
    plan = await _plan(at_head, PAGES, page_parameters(asked))
    assert "Index Scan Backward using orders_of_user" in plan, plan


async def _plan(database: Database, sql: str, parameters: Sequence[Any]) -> str:
    """Return the query plan. Assert that it doesn't read all orders."""
    await _many_orders(database)
    async with database.connection() as connection:
        # PostgreSQL would not use an index for such small tables, but the rule is about large ones.
        await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        rows = await connection.fetch(f"EXPLAIN {sql}", *parameters)
        await connection.execute("RESET ALL")
    plan = "\n".join(row[0] for row in rows)
    assert "Seq Scan" not in plan, plan
    return plan


async def _many_orders(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO users SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,"
            " n || '@example.com', 'hash', 'user', false, now() FROM generate_series(1, 20) AS n"
        )
        await connection.execute(
            # The newest orders are stored together, like in the service.
            "INSERT INTO orders SELECT"
            " ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,"
            " ('00000000-0000-0000-0000-'"
            # One owner has most of the orders. Another owner's page must not read them.
            " || lpad((CASE WHEN n % 10 = 0 THEN 1 + n % 20 ELSE 20 END)::text, 12, '0'))::uuid,"
            " NULL, '[{}]', 1, 'USD', 'PENDING', 1, 1, now(), now(), NULL"
            " FROM generate_series(1, 2000) AS n"
        )
        await connection.execute("ANALYZE orders")
