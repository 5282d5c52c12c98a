"""How many rows PostgreSQL visits for a page between two timestamps."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.postgres.database import Database
from adapters.postgres.order_queries import page_query
from application.ports.orders import OrderFilter
from domain.ids import UserId
from tests.servers.plugin import Shared
from tests.support.postgres import new_database

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

_OWNER = UserId(UUID(int=1))
_DAY = datetime(2026, 1, 2, tzinfo=UTC)
_ORDERS_A_DAY = 20_000


@pytest.fixture
async def at_head(postgres_server: Shared, migrated: str) -> AsyncIterator[Database]:
    """A database at the newest revision."""
    async with new_database(postgres_server, migrated, pool_size=1) as database:
        yield database


@pytest.mark.parametrize(
    "wanted",
    [
        OrderFilter(created_before=_DAY + timedelta(hours=6)),
        OrderFilter(created_after=_DAY + timedelta(hours=18)),
        OrderFilter(
            created_after=_DAY + timedelta(hours=6), created_before=_DAY + timedelta(hours=6.001)
        ),
        OrderFilter(owner=_OWNER, created_before=_DAY + timedelta(hours=6)),
        OrderFilter(created_before=_DAY - timedelta(hours=1)),
        OrderFilter(created_after=_DAY + timedelta(hours=25)),
    ],
)
async def test_a_page_between_two_times_visits_few_other_rows(
    at_head: Database, wanted: OrderFilter
) -> None:
    await _a_day_of_orders(at_head)
    sql, parameters = page_query(wanted, None, 21)
    async with at_head.connection() as connection:
        rows = await connection.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *parameters)
    visited = sum(_visited(json.loads(rows[0][0])[0]["Plan"]))
    # One page plus one minute of orders, because an id may be that far ahead of its order's time.
    assert visited <= 21 + 2 * _ORDERS_A_DAY / (24 * 60), rows[0][0]


def _visited(plan: dict[str, Any]) -> Iterator[int]:
    if "Plans" not in plan:
        yield plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    for part in plan.get("Plans", ()):
        yield from _visited(part)


async def _a_day_of_orders(database: Database) -> None:
    """Insert orders spread evenly over a day. Each id matches its order's time."""
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO users VALUES ($1, 'a@example.com', 'hash', 'user', false, now())", _OWNER
        )
        await connection.execute(
            "INSERT INTO orders SELECT"
            " (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000'"
            " || lpad(to_hex(n), 12, '0'))::uuid,"
            " $1, NULL, '[{}]', 1, 'USD', 'PENDING', 1, 1, at, at, NULL"
            " FROM (SELECT n, $2::timestamptz + n * $3::interval AS at"
            "       FROM generate_series(0, $4::int - 1) AS n) AS made",
            _OWNER,
            _DAY,
            timedelta(days=1) / _ORDERS_A_DAY,
            _ORDERS_A_DAY,
        )
        await connection.execute("VACUUM ANALYZE orders")
