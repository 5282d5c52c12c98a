"""Batch concurrent calls into one SQL statement with one round trip and one commit (ADR 5)."""

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

#: While PostgreSQL is executing one statement, the next one can be collected and sent.
_MAX_CONCURRENT_BATCHES: Final = 2
#: How often to send a single call if PostgreSQL rolls it back in favour of another transaction.
_ATTEMPTS: Final = 4

Argument = TypeVar("Argument")
Result = TypeVar("Result")


@dataclass(slots=True)
class _Call(Generic[Argument, Result]):
    argument: Argument
    result: "asyncio.Future[Result]"
    #: Whether a running statement may make a permanent change for this call.
    may_have_changed: bool = False

    def fail(self, error: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(error)

    def expire(self) -> None:
        self.fail(unavailable(may_have_changed=self.may_have_changed))


class Batcher(Generic[Argument, Result]):
    """Collects calls while earlier batches are running, then sends up to `max_size` in a statement.

    If fewer than two batches are running, a call is sent immediately. `statement` has to return one
    result per argument in the same order. It must also accept an empty list, because all callers
    may be gone by the time it's called. Set `changes` to True if the statement changes data.
    """

    def __init__(
        self,
        database: Database,
        statement: Callable[[Connection, Sequence[Argument]], Awaitable[Sequence[Result]]],
        max_size: int,
        *,
        changes: bool = False,
    ) -> None:
        self._database = database
        self._statement = statement
        self._max_size = max_size
        self._changes = changes
        self._queue: list[_Call[Argument, Result]] = []
        self._workers: set[asyncio.Task[None]] = set()

    async def __call__(self, argument: Argument) -> Result:
        """Return the statement's result for this argument.

        Raises:
            Unavailable: the request's deadline has passed. If the call hasn't been sent by then, it
                will never be sent.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Result] = loop.create_future()
        call = _Call(argument, result)
        self._queue.append(call)
        if len(self._workers) < _MAX_CONCURRENT_BATCHES:
            # Use an empty context because this call's deadline must not apply to other calls.
            worker = asyncio.create_task(self._work(), context=Context())
            self._workers.add(worker)
        deadline = storage_deadline.get()
        # A timer is all we need for a single future, and it's cheaper than `asyncio.timeout`.
        timer = deadline and loop.call_at(deadline, call.expire)
        try:
            return await result
        finally:
            if timer:
                timer.cancel()

    async def _work(self) -> None:
        while self._queue:
            batch, self._queue = self._queue[: self._max_size], self._queue[self._max_size :]
            await self._run(batch)
        # There must not be an await since the check, or the next call might rely on this worker.
        self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _run(
        self, batch: Sequence[_Call[Argument, Result]], attempts: int = _ATTEMPTS
    ) -> None:
        batch = _unfinished(batch)
        if not batch:
            return
        try:
            async with self._database.connection(STORAGE_DEADLINE_SECONDS) as connection:
                batch = _unfinished(batch)  # getting a connection may have taken a while
                results = await self._send(connection, batch)
        except Exception as error:  # noqa: BLE001 - passed on to the callers
            await self._retry(batch, error, attempts)
        else:
            for call, result in zip(batch, results, strict=True):
                if not call.result.done():  # otherwise, the caller is gone
                    call.result.set_result(result)

    async def _send(
        self, connection: Connection, batch: Sequence[_Call[Argument, Result]]
    ) -> Sequence[Result]:
        for call in batch:
            call.may_have_changed = self._changes
        return await self._statement(connection, [call.argument for call in batch])

    async def _retry(
        self, batch: Sequence[_Call[Argument, Result]], error: Exception, attempts: int
    ) -> None:
        """Send the calls of a failed batch again one by one, or fail all of them.

        They are only sent again if it's certain that PostgreSQL hasn't changed anything.
        """
        for call in batch:
            call.may_have_changed &= not _has_changed_nothing(error)
        if _has_changed_nothing(error) and len(batch) > 1:
            for call in batch:
                await self._run([call])
        elif isinstance(error, ConcurrentUpdate) and attempts > 1:
            await self._run(batch, attempts - 1)
        else:
            for call in batch:
                call.fail(error)


def _unfinished(batch: Sequence[_Call[Argument, Result]]) -> Sequence[_Call[Argument, Result]]:
    return [call for call in batch if not call.result.done()]


def _has_changed_nothing(error: Exception) -> bool:
    """Return whether PostgreSQL itself rejected the statement and therefore rolled it back.

    If PostgreSQL became unavailable instead, the statement may have been executed.
    """
    if isinstance(error, Unavailable):
        return isinstance(error, ConcurrentUpdate)
    return isinstance(error, OrderServiceError) or is_certainly_undone(error)
