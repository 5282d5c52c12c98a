"""Add the tasks of concurrent calls to the queue in one round trip."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Final, NamedTuple, TypeAlias

from libraries.redis_client.errors import RedisUnavailable, translated_errors
from libraries.task_stream.scripts import Added

#: The most tasks that are sent together. Redis executes nothing else in the meantime, which takes
#: about 10 us per task.
_MAX_TOGETHER: Final = 200


class Addition(NamedTuple):
    """A task to add."""

    task_id: str
    payload: bytes
    delay_ms: int


_Call: TypeAlias = "tuple[Addition, asyncio.Future[Added]]"


class Additions:
    """Collects the calls of an event loop iteration, and those made while others are being sent.

    `send` has to return a result for each addition, in the same order.
    """

    def __init__(self, send: Callable[[Sequence[Addition]], Awaitable[Sequence[Added]]]) -> None:
        self._send = send
        self._waiting: list[_Call] = []
        self._sending: asyncio.Task[None] | None = None

    async def __call__(self, addition: Addition) -> Added:
        """Send an addition together with others, and return its result.

        Raises:
            RedisUnavailable: Redis didn't respond. The task may have been added.
        """
        result: asyncio.Future[Added] = asyncio.get_running_loop().create_future()
        self._waiting.append((addition, result))
        if self._sending is None:
            # An empty context, because the task works for other callers too.
            self._sending = asyncio.create_task(self._send_all(), context=Context())
        return await result

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                calls, self._waiting = (
                    self._waiting[:_MAX_TOGETHER],
                    self._waiting[_MAX_TOGETHER:],
                )
                await self._send_some([call for call in calls if not call[1].done()])
        finally:
            self._sending = None

    async def _send_some(self, calls: Sequence[_Call]) -> None:
        """Set the results of calls. A caller that was canceled in the meantime is gone."""
        if not calls:
            return
        try:
            with translated_errors():
                results = await self._send([addition for addition, _ in calls])
        except RedisUnavailable as error:
            for _, result in calls:
                if not result.done():
                    result.set_exception(RedisUnavailable(str(error)))
        else:
            for (_, result), added in zip(calls, results, strict=True):
                if not result.done():
                    result.set_result(added)
        finally:
            for _, result in calls:
                result.cancel()  # does nothing unless this task was canceled
