"""Calls that share a statement: one round trip, and one commit, for all who ask in one moment."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Final, Generic, TypeVar, cast

from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.failures import is_certainly_undone, unavailable
from application.errors import ConcurrentUpdate, Unavailable
from domain.errors import OrderServiceError
from libraries.asyncio_tools.time_budget import STORAGE_DEADLINE_SECONDS, storage_deadline

#: How many statements may be on their way at once: while PostgreSQL works on one, the next is
#: gathered and sent.
_AT_ONCE: Final = 2
#: How often a call is sent by itself whose statement PostgreSQL rolls back for another's.
_ATTEMPTS: Final = 4

Asked = TypeVar("Asked")
Told = TypeVar("Told")


@dataclass(slots=True)
class _Waiting(Generic[Asked, Told]):
    asked: Asked
    told: "asyncio.Future[Told]"
    #: Whether a statement that may change something for good is under way with it.
    may_change: bool = False

    def refuse(self, error: Exception) -> None:
        if not self.told.done():
            self.told.set_exception(error)

    def give_up(self) -> None:
        self.refuse(unavailable(may_have_changed=self.may_change))


class Shared(Generic[Asked, Told]):
    """Gathers the calls that come while earlier ones are on their way, `most` to a statement.

    `statement` returns, in their order, what is returned to each of the calls; none may be left
    by the time when it runs. A call that comes alone is sent at once: no call waits for company.
    `changes` is whether the statement changes anything.
    """

    def __init__(
        self,
        database: Database,
        statement: Callable[[Connection, Sequence[Asked]], Awaitable[Sequence[Told]]],
        most: int,
        *,
        changes: bool = False,
    ) -> None:
        self._database = database
        self._statement = statement
        self._most = most
        self._changes = changes
        self._waiting: list[_Waiting[Asked, Told]] = []
        self._groups: set[asyncio.Task[None]] = set()

    async def __call__(self, asked: Asked) -> Told:
        """Return what the statement returns for this one.

        Raises:
            Unavailable: that took longer than the request may; a call that was not sent by then
                never is.
        """
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Told] = loop.create_future()
        call = _Waiting(asked, told)
        self._waiting.append(call)
        if len(self._groups) < _AT_ONCE:
            # In a context of its own: no group is bound by the deadline of the call that began it.
            group = asyncio.create_task(self._carry(), context=Context())
            self._groups.add(group)
        deadline = storage_deadline.get()
        # Cheaper than a timeout, and all that is needed if one future is waited for.
        timer = deadline and loop.call_at(deadline, call.give_up)
        try:
            return await told
        finally:
            if timer:
                timer.cancel()

    async def _carry(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            await self._ask(group)
        # In the turn in which no call waits any more: the next one must not count on this group.
        self._groups.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _ask(self, group: Sequence[_Waiting[Asked, Told]], attempts: int = _ATTEMPTS) -> None:
        group = _still_waiting(group)
        if not group:
            return
        try:
            async with self._database.driver(STORAGE_DEADLINE_SECONDS) as driver:
                # Once more: it may have been long until there was a connection.
                group = _still_waiting(group)
                answers = await self._send(driver, group)
        except Exception as error:  # noqa: BLE001 - each caller gets it, whatever it is
            await self._ask_again(group, error, attempts)
        else:
            for one, answer in zip(group, answers, strict=True):
                if not one.told.done():  # else its caller has gone away
                    one.told.set_result(answer)

    async def _send(
        self, driver: Connection, group: Sequence[_Waiting[Asked, Told]]
    ) -> Sequence[Told]:
        for one in group:
            one.may_change = self._changes
        return await self._statement(driver, [one.asked for one in group])

    async def _ask_again(
        self, group: Sequence[_Waiting[Asked, Told]], error: Exception, attempts: int
    ) -> None:
        """Send each call of a failed group by itself, or refuse them all.

        A call is sent again only if PostgreSQL has certainly done nothing.
        """
        for one in group:
            one.may_change &= not _has_changed_nothing(error)
        if _has_changed_nothing(error) and len(group) > 1:
            for one in group:
                await self._ask([one])
        elif isinstance(error, ConcurrentUpdate) and attempts > 1:
            await self._ask(group, attempts - 1)
        else:
            for one in group:
                one.refuse(error)


def _still_waiting(group: Sequence[_Waiting[Asked, Told]]) -> Sequence[_Waiting[Asked, Told]]:
    return [one for one in group if not one.told.done()]


def _has_changed_nothing(error: Exception) -> bool:
    """Whether PostgreSQL itself refused the statement, so that all of it was rolled back.

    Not if PostgreSQL went out of reach: it may have done what it was sent.
    """
    if isinstance(error, Unavailable):
        return isinstance(error, ConcurrentUpdate)
    return isinstance(error, OrderServiceError) or is_certainly_undone(error)
