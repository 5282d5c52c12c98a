"""Read all data of an account."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from adapters.postgres.database import Database
from adapters.postgres.order_queries import step_of
from adapters.postgres.row_mapping import SELECT, record_of
from adapters.postgres.sessions import session_of
from application.ports.export import ExportedOrder
from application.ports.orders import OrderRenderer
from application.ports.sessions import Session
from domain.ids import OrderId, SessionId, UserId
from domain.order.history import Step

_BEFORE_ALL: Final = UUID(int=0)

# Written like `PAGES` in `order_queries.py`, so it always scans the index on (user_id, id).
_ORDERS: Final = f"""
{SELECT} WHERE user_id <= $1 AND (user_id, id) > ($1, $2) ORDER BY user_id, id LIMIT $3
"""
_STEPS: Final = "SELECT * FROM order_history WHERE order_id = ANY($1) ORDER BY order_id, version"
_SESSIONS: Final = "SELECT * FROM sessions WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"


class PostgresExportReader:
    """`ExportReader` for PostgreSQL."""

    def __init__(self, database: Database, renderer: OrderRenderer) -> None:
        self._database = database
        self._renderer = renderer

    async def sessions(
        self, user_id: UserId, after: SessionId | None, limit: int
    ) -> Sequence[Session]:
        """Return at most `limit` sessions with ids after `after`."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SESSIONS, user_id, after or _BEFORE_ALL, limit)
        return [session_of(row) for row in rows]

    async def orders(
        self, user_id: UserId, after: OrderId | None, limit: int
    ) -> Sequence[ExportedOrder]:
        """Return at most `limit` orders with ids after `after`."""
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            rows = await connection.fetch(_ORDERS, user_id, after or _BEFORE_ALL, limit)
            steps = await connection.fetch(_STEPS, [row["id"] for row in rows])
        by_order = _by_order(steps)
        return [
            ExportedOrder(row["id"], self._renderer.document(record_of(row)), by_order[row["id"]])
            for row in rows
        ]


def _by_order(rows: Sequence[Any]) -> defaultdict[UUID, list[Step]]:
    steps: defaultdict[UUID, list[Step]] = defaultdict(list)
    for row in rows:
        steps[row["order_id"]].append(step_of(row))
    return steps
