"""Erase personal data."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from adapters.postgres import erasure_statements as sql
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.row_mapping import headers_of, stored_headers
from application.delivery.dead_letters import ERASED_REASON, without_reason
from application.ports.cache_debts import CacheDebt
from application.ports.erasures import ErasedPart, Erasure, PersonalDataEraser
from application.ports.outside_issuer import OutsideIdentity
from domain.account import erased_email
from domain.ids import OrderId, UserId

#: Usually, a relay or a write has released its locks by then.
_PAUSE_SECONDS: Final = 0.05
_BEFORE_ALL: Final = UUID(int=0)


class PostgresErasures:
    """`Erasures` for PostgreSQL."""

    def __init__(self, database: Database, eraser: PersonalDataEraser) -> None:
        self._database = database
        self._eraser = eraser

    async def begin(self, user_id: UserId, old_hash: str, new_hash: str, next_at: datetime) -> bool:
        """Close an account and erase its address, unless its hash isn't `old_hash` any more."""
        async with self._database.connection() as connection, connection.transaction():
            closed = await connection.fetchval(
                sql.CLOSE, user_id, old_hash, erased_email(user_id), new_hash
            )
            if closed:
                for row in await connection.fetch(sql.FORGET_IDENTITIES, user_id):
                    subject = OutsideIdentity(row["issuer"], row["subject"])
                    await connection.execute(sql.CLOSE_SUBJECT, subject.digest)
                await connection.execute(sql.BEGIN, user_id, next_at)
        return bool(closed)

    async def due(self, now: datetime, limit: int) -> Sequence[Erasure]:
        """Return at most `limit` erasures that are due, starting with the most overdue."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.DUE, now, limit)
        return [Erasure(UserId(row["user_id"]), row["passes"]) for row in rows]

    async def erase_some(self, user_id: UserId, limit: int) -> ErasedPart:
        """Erase at most `limit` rows of each kind, continuing the current pass."""
        part = await self._erase_some(user_id, limit)
        if part.has_skipped:
            await asyncio.sleep(_PAUSE_SECONDS)
        return part

    async def _erase_some(self, user_id: UserId, limit: int) -> ErasedPart:
        async with self._database.connection() as connection, connection.transaction():
            state = await connection.fetchrow(sql.STATE, user_id)
            if state is None:
                return ErasedPart((), has_more=False, has_skipped=False)
            part = _Part(connection, self._eraser, user_id, limit)
            has_more = await part.erase(state["position"] or _BEFORE_ALL)
            has_skipped = part.has_skipped or state["has_skipped"]
            await connection.execute(sql.SAVE_STATE, user_id, part.position, has_skipped)
        return ErasedPart(part.debts, has_more, has_skipped)

    async def end_pass(self, erasure: Erasure, passes: int, next_at: datetime | None) -> None:
        """Begin the next pass at `next_at`, or complete the erasure if it's None."""
        async with self._database.connection() as connection:
            await connection.execute(sql.FINISH, erasure.user_id, erasure.passes, passes, next_at)


class _Part:
    """One transaction of an erasure."""

    def __init__(
        self, connection: Connection, eraser: PersonalDataEraser, user_id: UserId, limit: int
    ) -> None:
        self._connection = connection
        self._eraser = eraser
        self._user_id = user_id
        self._limit = limit
        self.position = _BEFORE_ALL
        self.has_skipped = False
        self.debts: Sequence[CacheDebt] = ()

    async def erase(self, position: UUID) -> bool:
        """Erase rows, continuing after the order `position`. Return whether there may be more."""
        sessions = await self._connection.fetchval(sql.END_SESSIONS, self._user_id, self._limit)
        keys = await self._connection.fetchval(sql.DELETE_KEYS, self._user_id, self._limit)
        orders = await self._erase_orders(position)
        has_more = self._limit in {sessions, keys, orders}
        return has_more or await self._erase_reasons()

    async def _erase_orders(self, position: UUID) -> int:
        """Erase the next of the person's own orders. Return how many there were."""
        self.position = position
        rows = await self._connection.fetch(sql.ORDERS, self._user_id, position, self._limit)
        order_ids = [row["id"] for row in rows]
        if order_ids:
            self.position = order_ids[-1]
            await self._erase_records(order_ids)
            await self._connection.execute(sql.ERASE_REASONS, order_ids, self._user_id)
            await self._erase_messages(order_ids, is_owner=True)
            debts = await self._connection.fetch(sql.ADD_DEBTS, order_ids)
            self.debts = [CacheDebt(OrderId(row["order_id"]), row["owed_at"]) for row in debts]
        return len(order_ids)

    async def _erase_reasons(self) -> bool:
        """Erase reasons in the orders of others. Return whether there may be more."""
        rows = await self._connection.fetch(sql.ORDERS_WITH_REASONS, self._user_id, self._limit)
        skipped = await self._erase_messages([row["order_id"] for row in rows], is_owner=False)
        erased = [row["order_id"] for row in rows if row["order_id"] not in skipped]
        await self._connection.execute(sql.ERASE_REASONS, erased, self._user_id)
        return bool(erased) and len(rows) == self._limit

    async def _erase_records(self, order_ids: Sequence[UUID]) -> None:
        rows = await self._connection.fetch(sql.LOCK_ORDERS, order_ids)
        self.has_skipped |= len(rows) < len(order_ids)
        erased = [(row["id"], self._eraser.items(row["items"]), row) for row in rows]
        changed = [
            (order_id, items)
            for order_id, items, row in erased
            if row["reference"] is not None or items != row["items"]
        ]
        await self._store(sql.ERASE_ORDERS, changed)

    async def _erase_messages(self, order_ids: Sequence[UUID], *, is_owner: bool) -> set[UUID]:
        """Erase the orders' events and dead letters. Return the skipped orders or dead letters."""
        if not order_ids:
            return set()
        keys = [str(order_id).encode() for order_id in order_ids]
        letters = await self._connection.fetch(sql.LETTERS, order_ids, keys)
        locked = await self._connection.fetch(sql.LOCK_LETTERS, order_ids, keys)
        await self._store(
            sql.ERASE_LETTERS, [self._letter(row, is_owner=is_owner) for row in locked]
        )
        letter_ids = [row["id"] for row in letters]
        skipped = await self._erase_events([*order_ids, *letter_ids], is_owner=is_owner)
        self.has_skipped |= bool(skipped) or len(locked) < len(letters)
        return skipped

    async def _erase_events(self, subjects: Sequence[UUID], *, is_owner: bool) -> set[UUID]:
        locked = await self._connection.fetch(sql.LOCK_EVENTS, subjects)
        rows = await self._connection.fetch(sql.EVENTS, subjects)
        erased = [self._event(row, is_owner=is_owner) for row in locked]
        changed = [new for new, row in zip(erased, locked, strict=True) if new != tuple(row)]
        await self._store(sql.ERASE_EVENTS, changed)
        known = {(row["subject"], row["revision"]) for row in locked}
        return {row["subject"] for row in rows if (row["subject"], row["revision"]) not in known}

    def _event(self, row: Any, *, is_owner: bool) -> tuple[Any, ...]:
        headers = _headers(row["original_headers"]) if is_owner else row["original_headers"]
        payload = self._payload(row["payload"], is_owner=is_owner)
        return row["subject"], row["revision"], payload, headers

    def _letter(self, row: Any, *, is_owner: bool) -> tuple[Any, ...]:
        value = self._payload(row["value"], is_owner=is_owner)
        if not is_owner:
            return row["id"], value, row["headers"], row["reason"]
        return row["id"], value, _headers(row["headers"]), ERASED_REASON

    def _payload(self, payload: bytes | None, *, is_owner: bool) -> bytes | None:
        if payload is None:
            return None
        return self._eraser.event(payload, self._user_id, is_owner=is_owner)

    async def _store(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            await self._connection.execute(statement, *map(list, zip(*rows, strict=True)))


def _headers(stored: str | None) -> str | None:
    return None if stored is None else stored_headers(without_reason(headers_of(stored)))
