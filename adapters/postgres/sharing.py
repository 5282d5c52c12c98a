"""Calls that share a statement: one round trip, and one commit, for all who ask in one moment."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Final, Generic, TypeVar, cast

from asyncpg import Connection

from adapters.postgres.database import Database, translated
from application.errors import Unavailable
from application.patience import FOR_STORAGE, storage_deadline
from domain.errors import OrderServiceError

#: How many statements may be on their way at once: while PostgreSQL works on one, the next is
#: gathered and sent.
_AT_ONCE: Final = 2

Asked = TypeVar("Asked")
Told = TypeVar("Told")


@dataclass(slots=True)
class _Waiting(Generic[Asked, Told]):
    asked: Asked
    told: "asyncio.Future[Told]"


class Shared(Generic[Asked, Told]):
    """Gathers the calls that come while earlier ones are on their way, `most` to a statement.

    `statement` tells, in their order, what each of those who ask is to be told; nobody may be left
    by the time when it is asked. A call that comes
    alone finds nobody before it and leaves at once: nobody waits for company.
    """

    def __init__(
        self,
        database: Database,
        statement: Callable[[Connection, Sequence[Asked]], Awaitable[Sequence[Told]]],
        most: int,
    ) -> None:
        self._database = database
        self._statement = statement
        self._most = most
        self._waiting: list[_Waiting[Asked, Told]] = []
        self._groups: set[asyncio.Task[None]] = set()

    async def __call__(self, asked: Asked) -> Told:
        """What the statement tells of this one.

        Raises:
            Unavailable: that took longer than the request may; what had not left yet never does.
        """
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Told] = loop.create_future()
        call = _Waiting(asked, told)
        self._waiting.append(call)
        if len(self._groups) < _AT_ONCE:
            # In a context of its own: no group is bound by the deadline of the one who began it.
            group = asyncio.create_task(self._carry(), context=Context())
            self._groups.add(group)
        deadline = storage_deadline.get()
        # Cheaper than a timeout, and all that is needed where one future is waited for.
        timer = deadline and loop.call_at(deadline, _refuse, [call], TimeoutError())
        try:
            with translated():
                return await told
        finally:
            if timer:
                timer.cancel()

    async def _carry(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            await self._ask(group)
        # In the turn in which nobody waits any more: whoever comes next must not count on it.
        self._groups.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _ask(self, group: Sequence[_Waiting[Asked, Told]]) -> None:
        group = _still_waiting(group)
        if not group:
            return
        try:
            async with self._database.driver(FOR_STORAGE) as driver:
                # Once more: it may have been long until there was a connection.
                group = _still_waiting(group)
                answers = await self._statement(driver, [each.asked for each in group])
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            if len(group) > 1 and _is_about_one_of_them(error):
                for one in group:
                    await self._ask([one])
            else:
                _refuse(group, error)
        else:
            for one, answer in zip(group, answers, strict=True):
                if not one.told.done():  # else its caller has gone away
                    one.told.set_result(answer)


def _still_waiting(group: Sequence[_Waiting[Asked, Told]]) -> Sequence[_Waiting[Asked, Told]]:
    return [one for one in group if not one.told.done()]


def _is_about_one_of_them(error: Exception) -> bool:
    """Whether one was refused, and took the others with it.

    Not where PostgreSQL went out of reach: it may have done what it was told, and must not be told
    a second time.
    """
    return isinstance(error, OrderServiceError) and not isinstance(error, Unavailable)


def _refuse(group: Sequence[_Waiting[Asked, Told]], error: Exception) -> None:
    for one in group:
        if not one.told.done():
            one.told.set_exception(error)
