"""Reading orders and their history: one indexed query, and rows to bytes without an ORM."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from adapters.postgres.batching import Shared
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.row_mapping import SELECT, record_of
from application.documents import OrderDocument, OrderRecord
from application.ports.orders import OrderFilter, OrderPage, OrderRenderer
from application.ports.system import MAX_ID_LEAD_MS
from domain.actor import Actor, ActorKind
from domain.ids import OrderId, UserId
from domain.order.history import Step
from domain.order.status import OrderStatus

#: Pages of one owner's orders, for many who ask at once: each walks the index as if it were alone.
#: Were the owner looked for by `=`, the order by id would do for PostgreSQL, and where a few owners
#: have most of the orders it would look for one of them through all the newest orders.
PAGES: Final = f"""
SELECT asked.turn, page.*
FROM unnest($1::int[], $2::uuid[], $3::uuid[], $4::int[]) AS asked (turn, owner, after, size),
     LATERAL ({SELECT} WHERE user_id >= asked.owner AND (user_id, id) < (asked.owner, asked.after)
              ORDER BY user_id DESC, id DESC LIMIT asked.size) AS page
ORDER BY asked.turn, page.id DESC
"""  # noqa: S608 - names of our own
#: Behind every order.
_END: Final = OrderId(UUID(int=2**128 - 1))
#: Where the milliseconds since 1970 stand in a UUID version 7 (RFC 9562, 5.7).
_TIME_AT: Final = 80
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
#: How many pages share a statement, of at most how many rows: nobody waits for a long one.
_PAGES, _ROWS = 32, 51


class Page(NamedTuple):
    """What is asked for: so many of the owner's orders, newest first, behind one of them."""

    owner: UserId
    after: OrderId
    size: int


class PostgresOrderReader:
    """`OrderReader` on PostgreSQL."""

    def __init__(self, database: Database, renderer: OrderRenderer) -> None:
        self._database = database
        self._renderer = renderer
        self._shared_find = Shared(database, self._find_each, _PAGES)
        self._shared_page = Shared(database, _pages, _PAGES)

    async def find(self, order_id: OrderId) -> OrderDocument | None:
        """The order, or None."""
        return await self._shared_find(order_id)

    async def find_many(self, order_ids: Sequence[OrderId]) -> dict[OrderId, OrderDocument]:
        """Those of the orders that exist."""
        async with self._database.driver() as driver:
            return await self._find_on(driver, order_ids)

    async def revision(self, order_id: OrderId) -> int | None:
        """The order's present revision, or None."""
        async with self._database.driver() as driver:
            found: int | None = await driver.fetchval(
                "SELECT revision FROM orders WHERE id = $1", order_id
            )
        return found

    async def page(self, wanted: OrderFilter, after: OrderId | None, limit: int) -> OrderPage:
        """At most `limit` orders, newest first, behind `after`."""
        owner, size = wanted.owner, limit + 1
        if owner is not None and wanted == OrderFilter(owner=owner) and size <= _ROWS:
            records = await self._shared_page(Page(owner, after or _END, size))
        else:
            records = await self._page(*page_query(wanted, after, size))
        documents = [self._renderer.document(record) for record in records[:limit]]
        return OrderPage(documents, records[limit - 1].id if len(records) > limit else None)

    async def _find_each(
        self, driver: Connection, order_ids: Sequence[OrderId]
    ) -> Sequence[OrderDocument | None]:
        found = await self._find_on(driver, order_ids)
        return [found.get(order_id) for order_id in order_ids]

    async def _find_on(
        self, driver: Connection, order_ids: Sequence[OrderId]
    ) -> dict[OrderId, OrderDocument]:
        rows = await driver.fetch(f"{SELECT} WHERE id = ANY($1)", list(order_ids))
        return {row["id"]: self._renderer.document(record_of(row)) for row in rows}

    async def _page(self, sql: str, parameters: Sequence[Any]) -> Sequence[OrderRecord]:
        async with self._database.driver() as driver:
            return [record_of(row) for row in await driver.fetch(sql, *parameters)]


async def _pages(driver: Connection, asked: Sequence[Page]) -> Sequence[Sequence[OrderRecord]]:
    if not asked:
        return []
    rows = await driver.fetch(PAGES, *page_parameters(asked))
    pages: list[list[OrderRecord]] = [[] for _ in asked]
    for turn, *values in rows:
        pages[turn].append(record_of(values))
    return pages


def page_parameters(asked: Sequence[Page]) -> list[list[Any]]:
    """The parameters of `PAGES`."""
    return [list(range(len(asked))), *map(list, zip(*asked, strict=True))]


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
    # An order's id begins with the milliseconds of its creation, so the walk along the index may
    # begin and end there; the exact bound is the column's.
    if wanted.created_after is not None:
        yield f"id >= {bound(_least_id(wanted.created_after), 'uuid')}"
        yield f"created_at >= {bound(wanted.created_after, 'timestamptz')}"
    if wanted.created_before is not None:
        yield f"id < {bound(_least_id(wanted.created_before, MAX_ID_LEAD_MS + 1), 'uuid')}"
        yield f"created_at < {bound(wanted.created_before, 'timestamptz')}"


def _least_id(moment: datetime, later_ms: int = 0) -> UUID:
    """The least UUID version 7 of a moment, or of so many milliseconds later."""
    return UUID(int=max(0, (moment - _EPOCH) // _MILLISECOND + later_ms) << _TIME_AT)


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
