"""How many rows a real PostgreSQL visits when stalled orders are requeued."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.postgres.database import Database
from adapters.postgres.unprocessed_orders import STALLED, PostgresUnprocessedOrders
from application.delivery.requeue_stalled import PAGE_SIZE
from domain.ids import OrderId
from tests.servers.plugin import Shared
from tests.support.deadlines import LONG
from tests.support.postgres import new_database

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

ORDERS, DEAD = 20_000, 5_000
#: A complete pass may visit this many rows per unprocessed order: the order, its event and its
#: dead letter.
ROWS_PER_ORDER = 3

_USER = "INSERT INTO users VALUES (gen_random_uuid(), 'a@example.com', '', 'user', false, now())"
_ORDERS = """
INSERT INTO orders (id, user_id, items, total_price, currency, status, version, revision,
                    created_at, updated_at, processed_at)
SELECT gen_random_uuid(), users.id, '[1]'::json, 1, 'USD', 'PENDING', 1, $3::int,
       now(), now(), CASE $3::int WHEN 2 THEN now() END
FROM users, generate_series($1::int, $2::int)
"""
_FACTS = """
INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at, position,
                    published_at)
SELECT id, 1, 1, gen_random_uuid(), 'new_order', 'order.created', '', now(),
       nextval('outbox_position'), now() - interval '1 day'
FROM orders
"""
_LETTERS = """
INSERT INTO dead_letters (id, topic, headers, reason, attempts, order_id, at)
SELECT gen_random_uuid(), 'new_order', '{}', 'a reason', 5, id, now()
FROM orders WHERE processed_at IS NULL LIMIT $1
"""


@pytest.fixture
async def database(postgres_server: Shared, migrated: str) -> AsyncIterator[Database]:
    async with new_database(postgres_server, migrated, pool_size=2) as database:
        async with database.connection() as connection:
            await connection.execute(_USER)
            await connection.execute(_ORDERS, 1, ORDERS, 1)
            # Triggers are off because they would require every single step of every order.
            await connection.execute("SET session_replication_role = replica")
            await connection.execute(_ORDERS, 1, ORDERS, 2)
            await connection.execute("SET session_replication_role = origin")
            await connection.execute(_FACTS)
            await connection.execute(_LETTERS, DEAD)
            await connection.execute("ANALYZE orders, outbox, dead_letters")
        yield database


def visited(plan: dict[str, Any]) -> int:
    """Return how many rows the plan's scans have read."""
    rows = sum(visited(child) for child in plan.get("Plans", ()))
    if "Relation Name" in plan:
        removed = plan.get("Rows Removed by Filter", 0)
        rows += round((plan["Actual Rows"] + removed) * plan["Actual Loops"])
    return rows


async def a_pass(database: Database, *, requeues: bool) -> tuple[int, int]:
    """Go through all pages. Return how many orders were stalled and how many rows were visited."""
    orders = PostgresUnprocessedOrders(database)
    cut_off = await orders.now() - timedelta(hours=1)
    after = OrderId(UUID(int=0))
    found = rows = 0
    while True:
        async with database.connection() as connection:
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {STALLED}"
            plan = json.loads(await connection.fetchval(explain, cut_off, after, PAGE_SIZE))
        rows += visited(plan[0]["Plan"])
        page = await orders.stalled(cut_off, after, PAGE_SIZE)
        found += len(page.orders)
        if requeues:
            await orders.record_hand_over(page.orders)
        if page.next_after is None:
            return found, rows
        after = page.next_after


async def test_pass_is_linear_in_the_unprocessed_orders(database: Database) -> None:
    found, rows = await a_pass(database, requeues=True)
    assert found == ORDERS - DEAD
    assert rows <= ROWS_PER_ORDER * ORDERS
    found, rows = await a_pass(database, requeues=False)
    assert found == 0
    assert rows <= ROWS_PER_ORDER * ORDERS


async def test_record_of_a_hand_over_does_not_wait_for_other_transactions(
    database: Database,
) -> None:
    orders = PostgresUnprocessedOrders(database)
    cut_off = await orders.now() - timedelta(hours=1)
    page = await orders.stalled(cut_off, None, PAGE_SIZE)
    async with database.connection() as connection, connection.transaction():
        await connection.execute("SELECT FROM outbox WHERE subject = $1 FOR UPDATE", page.orders[0])
        async with asyncio.timeout(LONG):
            await orders.record_hand_over(page.orders)
    rest = await orders.stalled(cut_off, None, PAGE_SIZE)
    assert list(rest.orders) == [page.orders[0]]
