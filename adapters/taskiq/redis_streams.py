"""taskiq on a Redis stream."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from os import getpid
from random import uniform
from socket import gethostname
from typing import Final
from uuid import uuid4

from redis.exceptions import RedisError
from taskiq import AckableMessage, AsyncBroker, BrokerMessage
from taskiq.acks import parse_acknowledge_type

from adapters.taskiq.failures import (
    Again,
    DeadTask,
    OnDead,
    TaskFailures,
    attempts_of,
    log_dead,
    verdict,
)
from adapters.taskiq.task_stream import Entry, TaskStream
from adapters.taskiq.traces import TaskTraces
from application.cancellation import heed_cancellation
from application.errors import Unavailable

logger = logging.getLogger(__name__)

LONGEST: Final = 100_000
DEAD_AFTER: Final = 5.0
#: Seconds that bringing a task may take, and between two looks at a full queue.
_KICK, _FULL = 1.0, 0.1
#: Seconds between two signs of life; a delayed task is late by so much at most.
_TICK: Final = 0.5
#: Seconds between two attempts to read, at first and at last.
_FIRST, _LAST = 0.1, 2.0
#: Seconds until a task that this worker cannot run is offered to the others again.
_FOR_OTHERS: Final = 2.0


class HeldTask(AckableMessage):
    """A task that this worker has taken; `let_go` puts it back unchanged."""

    let_go: Callable[[], Awaitable[None]]


class RedisStreamBroker(AsyncBroker):
    """Tasks in a stream, each until its run has ended; a dead worker's go to the living.

    - A task that fails runs again with backoff, and ends at `on_dead`; so does at once what
      cannot be read. A task of a name that nobody here knows waits for another worker.
    - Whoever brings a task while `longest` others wait, waits too.
    - While Redis is away, workers wait for it; what they finish meanwhile is told it later.
    """

    def __init__(
        self,
        url: str,
        prefix: str = "",
        *,
        on_dead: OnDead = log_dead,
        longest: int = LONGEST,
        dead_after: float = DEAD_AFTER,
        failures: TaskFailures | None = None,
    ) -> None:
        super().__init__()
        self.name = f"{gethostname()}-{getpid()}-{uuid4().hex[:8]}"
        self._stream = TaskStream(url, prefix, self.name, longest, dead_after)
        self._failures = failures or TaskFailures(on_dead)
        self.add_middlewares(TaskTraces(), self._failures)
        self._dead_after = dead_after
        self._held: set[str] = set()
        self._unsettled: dict[str, Again | None] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._has_left = False

    async def kick(self, message: BrokerMessage) -> None:
        """Add a task, due after the seconds of its label `delay`.

        Raises:
            Unavailable: Redis is out of reach, or the queue stays full.
        """
        delay = float(message.labels.get("delay", 0))
        try:
            async with asyncio.timeout(_KICK):
                while not await self._stream.add(message.message, delay):
                    heed_cancellation()
                    await asyncio.sleep(_FULL)
        except (RedisError, OSError) as error:
            raise Unavailable("the task queue is out of reach, or full") from error

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Tasks as they come; taskiq asks for the next one when it has room."""
        self._keeper = self._keeper or asyncio.create_task(self._keep())
        while True:
            for entry in await self._next():
                if (task := await self._admitted(entry)) is not None:
                    yield task

    async def shutdown(self) -> None:
        """Give back what this worker has taken and not finished, and leave."""
        await super().shutdown()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            try:
                await self._settle_the_rest()
                await self._stream.leave()
            except (RedisError, OSError) as error:
                logger.warning("the other workers find out by themselves: %s", error)
        self._has_left = True
        await self._stream.close()

    async def _next(self) -> "list[Entry]":
        pause = _FIRST
        while True:
            heed_cancellation()
            try:
                return [each for each in await self._stream.read() if each.id not in self._held]
            except (RedisError, OSError) as error:
                if pause == _FIRST:
                    logger.warning("the worker waits for Redis: %s", error)
                await asyncio.sleep(pause * uniform(0.75, 1.25))  # noqa: S311 - no secret
                pause = min(2 * pause, _LAST)

    async def _admitted(self, entry: Entry) -> HeldTask | None:
        """The task, where it is one that this worker can run."""
        self._held.add(entry.id)
        payload = entry.payload
        if not entry.fields:
            await self._settle(entry.id, None)  # somebody has deleted it
            return None
        try:
            name = self._name_of(payload)
        except Exception as error:  # noqa: BLE001 - whatever taskiq's parsers raise
            await self._give_up(entry.id, DeadTask(payload, f"it cannot be read: {error}", 0))
            return None
        if self.find_task(name) is None:
            logger.warning("no task here is called %s; another worker may know it", name)
            await self._settle(entry.id, Again(payload, _FOR_OTHERS))
            return None
        return HeldTask(
            data=payload,
            ack=partial(self._acknowledge, entry.id),
            let_go=partial(self._settle, entry.id, Again(payload, _FOR_OTHERS)),
        )

    def _name_of(self, payload: bytes) -> str:
        """The task's name, after a look at all that taskiq's receiver would stumble over."""
        message = self.formatter.loads(payload)
        message.parse_labels()
        attempts_of(message)
        parse_acknowledge_type(message.labels.get("ack_type", "when_executed"))
        return message.task_name

    async def _give_up(self, entry_id: str, task: DeadTask) -> None:
        kept = await self._failures.give_up(task)
        await self._settle(entry_id, None if kept else Again(task.payload, _FOR_OTHERS))

    async def _acknowledge(self, entry_id: str) -> None:
        await self._settle(entry_id, verdict.get())

    async def _settle(self, entry_id: str, again: Again | None) -> None:
        """Tell Redis what became of a task: now, or as soon as it can hear."""
        if self._has_left:
            return  # it was given back
        self._unsettled[entry_id] = again
        try:
            await self._tell(entry_id, again)
        except (RedisError, OSError) as error:
            logger.debug("Redis will hear later of %s: %s", entry_id, error)

    async def _tell(self, entry_id: str, again: Again | None) -> None:
        if again is None:
            await self._stream.settle(entry_id)
        else:
            await self._stream.settle(entry_id, again.payload, again.delay)
        self._unsettled.pop(entry_id, None)
        self._held.discard(entry_id)

    async def _settle_the_rest(self) -> None:
        for entry_id, again in list(self._unsettled.items()):
            await self._tell(entry_id, again)

    async def _keep(self) -> None:
        """Show that this worker lives, and do what all workers do for each other."""
        clock = asyncio.get_running_loop().time
        # After a disturbance the others get time to show that they live too.
        calm_at = clock() + self._dead_after
        while True:
            try:
                await self._stream.tick(bury=clock() >= calm_at)
                await self._settle_the_rest()
            except (RedisError, OSError) as error:
                logger.debug("no sign of life: %s", error)
                calm_at = clock() + self._dead_after
            except Exception:
                logger.exception("a worker without signs of life counts as dead")
            heed_cancellation()
            await asyncio.sleep(_TICK)
