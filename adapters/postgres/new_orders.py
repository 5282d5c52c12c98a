"""Creating orders by group commit: concurrent creations share one statement and one commit."""

import asyncio
from collections.abc import Sequence
from contextvars import Context
from typing import Any, Final

from adapters.postgres.database import Database, translated
from adapters.postgres.records import values_of
from application.documents import OrderWrite
from application.patience import FOR_STORAGE, storage_deadline
from domain.errors import OrderServiceError

#: The largest group, and how many groups may be on their way at once: while PostgreSQL flushes one
#: to disk, the next is gathered and sent.
_GROUP: Final = 64
_GROUPS: Final = 2

# One statement is one transaction and one round trip, however many orders it carries.
_INSERT: Final = """
WITH placed AS (
    INSERT INTO orders (id, user_id, reference, items, total_price, currency, status, version,
                        revision, created_at, updated_at, processed_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::json[], $5::numeric[],
                         $6::text[], $7::text[], $8::int[], $9::int[], $10::timestamptz[],
                         $11::timestamptz[], $12::timestamptz[])
), begun AS (
    INSERT INTO order_history (order_id, version, to_status, actor_kind, actor_id, at)
    SELECT * FROM unnest($1::uuid[], $8::int[], $7::text[], $13::text[], $14::uuid[],
                         $10::timestamptz[])
)
INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at, traceparent)
SELECT * FROM unnest($1::uuid[], $9::int[], $8::int[], $15::uuid[], $16::text[], $17::text[],
                     $18::bytea[], $10::timestamptz[], $19::text[])
"""

_Waiting = tuple[OrderWrite, "asyncio.Future[None]"]


class PostgresNewOrders:
    """`NewOrders` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._groups: set[asyncio.Task[None]] = set()

    async def add(self, write: OrderWrite) -> None:
        """Store a new order with its first step and its event; return when all are durable.

        Raises:
            Unavailable: that took longer than the request may; what had not left yet never does.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((write, done))
        if len(self._groups) < _GROUPS:
            # In a context of its own: no group is bound by the deadline of the one who began it.
            task = asyncio.create_task(self._store_groups(), context=Context())
            self._groups.add(task)
            task.add_done_callback(self._groups.discard)
        async with translated(), asyncio.timeout_at(storage_deadline.get()):
            await done

    async def _store_groups(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
            await self._store([one for one in group if not one[1].done()])

    async def _store(self, group: Sequence[_Waiting]) -> None:
        if not group:
            return  # all of them have given up
        try:
            await self._insert([write for write, _ in group])
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            if len(group) == 1 or not isinstance(error, OrderServiceError):
                _finish(group, error)
            else:
                # One of them was refused and took the others with it: each on its own, then.
                for one in group:
                    await self._store([one])
        else:
            _finish(group, None)

    async def _insert(self, writes: Sequence[OrderWrite]) -> None:
        columns = zip(*map(_parameters, writes), strict=True)
        async with self._database.driver(FOR_STORAGE) as driver:
            await driver.execute(_INSERT, *map(list, columns))


def _parameters(write: OrderWrite) -> tuple[Any, ...]:
    step, event = write.step, write.event
    if step is None:
        raise ValueError("a new order takes its first step")
    return (
        *values_of(write.record),
        step.by.kind.value,
        step.by.id,
        event.id,
        event.topic,
        event.type,
        event.payload,
        event.traceparent,
    )


def _finish(group: Sequence[_Waiting], error: Exception | None) -> None:
    for _, done in group:
        if done.done():  # its caller has gone away
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
