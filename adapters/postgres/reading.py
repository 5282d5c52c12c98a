"""Reading orders and their history: one indexed query, and rows to bytes without an ORM."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from adapters.postgres.database import Database
from adapters.postgres.records import SELECT, record_of
from application.documents import OrderDocument
from application.ports.orders import OrderFilter, OrderPage, OrderRenderer
from domain.actor import Actor, ActorKind
from domain.history import Step
from domain.ids import OrderId, UserId
from domain.status import OrderStatus


class PostgresOrderReader:
    """`OrderReader` on PostgreSQL."""

    def __init__(self, database: Database, renderer: OrderRenderer) -> None:
        self._database = database
        self._renderer = renderer

    async def find(self, order_id: OrderId) -> OrderDocument | None:
        """The order, or None."""
        async with self._database.driver() as driver:
            row = await driver.fetchrow(f"{SELECT} WHERE id = $1", order_id)
        return self._renderer.document(record_of(row)) if row else None

    async def find_many(self, order_ids: Sequence[OrderId]) -> dict[OrderId, OrderDocument]:
        """Those of the orders that exist."""
        async with self._database.driver() as driver:
            rows = await driver.fetch(f"{SELECT} WHERE id = ANY($1)", list(order_ids))
        return {row["id"]: self._renderer.document(record_of(row)) for row in rows}

    async def revision(self, order_id: OrderId) -> int | None:
        """The order's present revision, or None."""
        async with self._database.driver() as driver:
            found: int | None = await driver.fetchval(
                "SELECT revision FROM orders WHERE id = $1", order_id
            )
        return found

    async def page(self, wanted: OrderFilter, after: OrderId | None, limit: int) -> OrderPage:
        """At most `limit` orders, newest first, behind `after`."""
        sql, parameters = page_query(wanted, after, limit + 1)
        async with self._database.driver() as driver:
            rows = await driver.fetch(sql, *parameters)
        documents = [self._renderer.document(record_of(row)) for row in rows[:limit]]
        return OrderPage(documents, rows[limit - 1]["id"] if len(rows) > limit else None)


def page_query(wanted: OrderFilter, after: OrderId | None, limit: int) -> tuple[str, list[Any]]:
    """The statement for a page, and its parameters.

    Each branch walks one index from its newest end, so that no page is sorted or counted off:
    several statuses are as many walks, merged. With one branch for each, PostgreSQL merges in
    order (Merge Append) and stops at the limit.
    """
    parameters: list[Any] = []

    def bound(value: object, cast: str) -> str:
        parameters.append(value)
        return f"${len(parameters)}::{cast}"

    where = " AND ".join(_conditions(wanted, after, bound))
    size = bound(limit, "int")
    order = f"ORDER BY id DESC LIMIT {size}"
    walks = [
        f"({SELECT} WHERE {where} AND status = {bound(status.value, 'text')} {order})"
        for status in sorted(wanted.statuses)
    ]
    match walks:
        case []:
            return f"{SELECT} WHERE {where} {order}", parameters
        case [walk]:
            return walk, parameters
        case _:
            return f"{' UNION ALL '.join(walks)} {order}", parameters


def _conditions(
    wanted: OrderFilter, after: OrderId | None, bound: Callable[[object, str], str]
) -> Iterator[str]:
    yield "true"
    if wanted.owner is not None:
        yield f"user_id = {bound(wanted.owner, 'uuid')}"
    if wanted.reference is not None:
        yield f"reference = {bound(wanted.reference, 'text')}"
    if after is not None:
        yield f"id < {bound(after, 'uuid')}"
    if wanted.created_after is not None:
        yield f"created_at >= {bound(wanted.created_after, 'timestamptz')}"
    if wanted.created_before is not None:
        yield f"created_at < {bound(wanted.created_before, 'timestamptz')}"


class PostgresHistoryReader:
    """`HistoryReader` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def steps(self, order_id: OrderId) -> tuple[UserId, Sequence[Step]] | None:
        """The order's owner and its steps, oldest first; None where there is no such order."""
        async with self._database.driver() as driver:
            rows = await driver.fetch(
                "SELECT o.user_id, h.* FROM orders o JOIN order_history h ON h.order_id = o.id"
                " WHERE o.id = $1 ORDER BY h.version",
                order_id,
            )
        return (rows[0]["user_id"], [_step(row) for row in rows]) if rows else None


def _step(row: Any) -> Step:
    return Step(
        row["version"],
        OrderStatus(row["from_status"]) if row["from_status"] else None,
        OrderStatus(row["to_status"]),
        Actor(ActorKind(row["actor_kind"]), row["actor_id"]),
        row["reason"],
        row["at"],
    )
