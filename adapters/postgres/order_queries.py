"""Query orders and their history with one indexed query each and without an ORM."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from adapters.postgres.batching import Batcher
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.row_mapping import SELECT, find_records, record_of
from application.documents import OrderDocument, OrderRecord
from application.ports.orders import OrderFilter, OrderPage, OrderRenderer
from application.ports.system import MAX_ID_LEAD_MS
from domain.actor import Actor, ActorKind
from domain.ids import OrderId, UserId
from domain.order.history import Step
from domain.order.status import OrderStatus

#: Returns several pages, each with the orders of one owner. Each page scans the index on
#: (user_id, id) separately. With `user_id = owner`, PostgreSQL might decide to sort by id only. If
#: a few owners had most of the orders, it would then search everyone's newest orders for those of
#: a single owner.
PAGES: Final = f"""
SELECT requested.number, page.*
FROM unnest($1::int[], $2::uuid[], $3::uuid[], $4::int[]) AS requested (number, owner, after, size),
     LATERAL ({SELECT} WHERE user_id >= requested.owner
                AND (user_id, id) < (requested.owner, requested.after)
              ORDER BY user_id DESC, id DESC LIMIT requested.size) AS page
ORDER BY requested.number, page.id DESC
"""  # noqa: S608 - only contains our own constants
#: An erasure changes orders without a new revision.
_REVISION: Final = """
SELECT revision FROM orders
WHERE id = $1 AND NOT EXISTS (SELECT FROM erasures WHERE erasures.user_id = orders.user_id)
"""
_EXISTING: Final = "SELECT id FROM orders WHERE id = ANY($1)"
#: Sorts after all orders.
_END: Final = OrderId(UUID(int=2**128 - 1))
#: The position of the milliseconds since 1970 in a version 7 UUID (RFC 9562, section 5.7).
_TIMESTAMP_SHIFT: Final = 80
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
#: Both limits are small because callers have to wait for each other's pages.
_MAX_BATCH_SIZE: Final = 32
_MAX_BATCHED_ROWS: Final = 51


class Page(NamedTuple):
    """A request for an owner's next `size` orders after the order `after`, newest first."""

    owner: UserId
    after: OrderId
    size: int


class PostgresOrderReader:
    """`OrderReader` for PostgreSQL."""

    def __init__(self, database: Database, renderer: OrderRenderer) -> None:
        self._database = database
        self._renderer = renderer
        self._find_batched = Batcher(database, self._find_each, _MAX_BATCH_SIZE)
        self._page_batched = Batcher(database, _pages, _MAX_BATCH_SIZE)

    async def find(self, order_id: OrderId) -> OrderDocument | None:
        """Return the order, or None if it does not exist."""
        return await self._find_batched(order_id)

    async def find_many(self, order_ids: Sequence[OrderId]) -> dict[OrderId, OrderDocument]:
        """Return the orders that exist, by id."""
        async with self._database.connection() as connection:
            return await self._find_on(connection, order_ids)

    async def revision(self, order_id: OrderId) -> int | None:
        """Return the order's revision, or None if it doesn't exist or its owner was erased."""
        async with self._database.connection() as connection:
            found: int | None = await connection.fetchval(_REVISION, order_id)
        return found

    async def page(self, wanted: OrderFilter, after: OrderId | None, limit: int) -> OrderPage:
        """Return at most `limit` orders after the order `after`, newest first."""
        owner, size = wanted.owner, limit + 1
        if owner is not None and wanted == OrderFilter(owner=owner) and size <= _MAX_BATCHED_ROWS:
            records = await self._page_batched(Page(owner, after or _END, size))
        else:
            records = await self._page(*page_query(wanted, after, size))
        documents = [self._renderer.document(record) for record in records[:limit]]
        return OrderPage(documents, records[limit - 1].id if len(records) > limit else None)

    async def _find_each(
        self, connection: Connection, order_ids: Sequence[OrderId]
    ) -> Sequence[OrderDocument | None]:
        found = await self._find_on(connection, order_ids)
        return [found.get(order_id) for order_id in order_ids]

    async def _find_on(
        self, connection: Connection, order_ids: Sequence[OrderId]
    ) -> dict[OrderId, OrderDocument]:
        records = await find_records(connection, order_ids)
        return {order_id: self._renderer.document(each) for order_id, each in records.items()}

    async def _page(self, sql: str, parameters: Sequence[Any]) -> Sequence[OrderRecord]:
        async with self._database.connection() as connection:
            return [record_of(row) for row in await connection.fetch(sql, *parameters)]


async def _pages(
    connection: Connection, requested: Sequence[Page]
) -> Sequence[Sequence[OrderRecord]]:
    if not requested:
        return []
    rows = await connection.fetch(PAGES, *page_parameters(requested))
    pages: list[list[OrderRecord]] = [[] for _ in requested]
    for number, *values in rows:
        pages[number].append(record_of(values))
    return pages


def page_parameters(requested: Sequence[Page]) -> list[list[Any]]:
    """Return the parameters for `PAGES`."""
    return [list(range(len(requested))), *map(list, zip(*requested, strict=True))]


def page_query(wanted: OrderFilter, after: OrderId | None, limit: int) -> tuple[str, list[Any]]:
    """Return the statement for a page and its parameters.

    Each branch scans an index backwards, starting with the newest order, so there's no need to
    sort. If several statuses are wanted, each gets its own scan. PostgreSQL merges them in order
    (Merge Append) and stops at the limit.
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
    # An order's id starts with its creation time in milliseconds, so we can use ids to limit the
    # index scan. The exact time is in the column.
    if wanted.created_after is not None:
        yield f"id >= {bound(_least_id(wanted.created_after), 'uuid')}"
        yield f"created_at >= {bound(wanted.created_after, 'timestamptz')}"
    if wanted.created_before is not None:
        yield f"id < {bound(_least_id(wanted.created_before, MAX_ID_LEAD_MS + 1), 'uuid')}"
        yield f"created_at < {bound(wanted.created_before, 'timestamptz')}"


def _least_id(time: datetime, later_ms: int = 0) -> UUID:
    """Return the smallest version 7 UUID for a time plus `later_ms` milliseconds."""
    return UUID(int=max(0, (time - _EPOCH) // _MILLISECOND + later_ms) << _TIMESTAMP_SHIFT)


class PostgresKnownOrders:
    """`KnownOrders` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def existing(self, order_ids: Collection[OrderId]) -> frozenset[OrderId]:
        """Return those of the ids that belong to an order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_EXISTING, list(order_ids))
        return frozenset(OrderId(row[0]) for row in rows)


class PostgresHistoryReader:
    """`HistoryReader` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def steps(self, order_id: OrderId) -> tuple[UserId, Sequence[Step]] | None:
        """Return the order's owner and steps, oldest first, or None if it does not exist."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT o.user_id, h.* FROM orders o JOIN order_history h ON h.order_id = o.id"
                " WHERE o.id = $1 ORDER BY h.version",
                order_id,
            )
        return (rows[0]["user_id"], [step_of(row) for row in rows]) if rows else None


def step_of(row: Any) -> Step:
    """Return the step in a row of `order_history`."""
    return Step(
        row["version"],
        OrderStatus(row["from_status"]) if row["from_status"] else None,
        OrderStatus(row["to_status"]),
        Actor(ActorKind(row["actor_kind"]), row["actor_id"]),
        row["reason"],
        row["at"],
    )
