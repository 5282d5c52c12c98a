"""Report the outcomes of concurrent tasks in one round trip."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:  # it imports taskiq, and processes without tasks don't need it
    from libraries.task_stream.retries import Retry

#: The most outcomes that are reported together. Redis executes nothing else in the meantime.
_MAX_TOGETHER: Final = 256


class Settlement(NamedTuple):
    """The outcome of a task. It has finished, or runs again if there is a `retry`."""

    entry_id: str
    task_id: str
    retry: "Retry | None"


class Settlements:
    """Collects outcomes until they are reported.

    While a report is under way, the next one is collected. If a report fails, its outcomes are part
    of the next one.
    """

    def __init__(self, report: Callable[[Sequence[Settlement]], Awaitable[None]]) -> None:
        self._report = report
        self._waiting: dict[str, Settlement] = {}
        self._current: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def add(self, settlement: Settlement) -> None:
        """Report an outcome together with all others that are waiting.

        Raises:
            RedisUnavailable: there was no response. The outcome is kept for the next report.
        """
        self._waiting[settlement.entry_id] = settlement
        await self.report()

    async def report(self) -> None:
        """Report all outcomes that are waiting.

        Raises:
            RedisUnavailable: there was no response. The outcomes are kept for the next report.
        """
        if not self._waiting:
            return
        if self._next is None:
            # An empty context, because the task works for other callers too.
            self._next = asyncio.create_task(self._run(self._current), context=Context())
        await asyncio.shield(self._next)

    async def _run(self, previous: "asyncio.Task[None] | None") -> None:
        if previous is not None:
            await asyncio.wait([previous])
        # From now on, callers wait for the report after this one.
        self._current, self._next = self._next, None
        waiting = list(self._waiting.values())
        for first in range(0, len(waiting), _MAX_TOGETHER):
            reported = waiting[first : first + _MAX_TOGETHER]
            await self._report(reported)
            for each in reported:
                self._waiting.pop(each.entry_id, None)
