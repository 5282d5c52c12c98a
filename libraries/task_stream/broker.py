"""taskiq on a Redis stream."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from os import getpid
from random import uniform
from socket import gethostname
from typing import Final
from uuid import uuid4

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
from adapters.taskiq.queue import AlreadyQueued
from adapters.taskiq.traces import TaskTraces
from application.errors import QueueUnavailable
from libraries.asyncio_tools.cancellation import raise_if_cancelled
from libraries.asyncio_tools.heartbeat import beat
from libraries.outages import outages
from libraries.task_stream.scripts import Added
from libraries.task_stream.stream import Entry, TaskStream

logger = logging.getLogger(__name__)

LONGEST: Final = 100_000
DEAD_AFTER: Final = 5.0
#: Seconds that bringing a task may take, and between two looks at a full queue.
_KICK, _FULL = 1.0, 0.1
#: Seconds between two signs of life while there are tasks, and so the delay of a delayed task.
_TICK_SECONDS: Final = 0.5
#: Seconds between two looks, at rest, whether another worker has tasks. Not longer than
#: `DEAD_AFTER`: then a worker that dies with its first task is found as early as by a busy one.
_LOOK_SECONDS: Final = 5.0
#: Seconds between two attempts to read, at first and at last.
_FIRST, _LAST = 0.1, 2.0
#: Seconds until a task that this worker cannot run is offered to the others again.
_FOR_OTHERS: Final = 2.0
#: Seconds without a read after which a worker with room for a task gives no sign of life.
_READS_WITHIN: Final = 15.0


class HeldTask(AckableMessage):
    """A task that this worker has taken.

    `begin` notes that it runs from now on; `let_go` puts it back unchanged.
    """

    begin: Callable[[], None]
    let_go: Callable[[], Awaitable[None]]


class RedisStreamBroker(AsyncBroker):
    """Tasks in a stream, each until its run has ended; the tasks of a dead worker go to the others.

    - A task is in the queue once: bringing an id that waits or runs adds nothing.
    - A task that fails runs again with backoff, and ends at `on_dead`; so does at once what
      cannot be read. A task of an unknown name waits for another worker.
    - Bringing a task waits while `longest` others are in the queue.
    - While Redis is away, workers wait for it; it learns later which tasks ended meanwhile.
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
        self.failures = failures or TaskFailures(on_dead)
        self._stream = TaskStream(url, prefix, self.name, longest, dead_after)
        self.add_middlewares(TaskTraces())
        self._dead_after = dead_after
        #: Tasks that were taken and whose end Redis does not know of; by entry, their ids.
        self._held: dict[str, str] = {}
        #: Those among them that the receiver has not begun.
        self._offered: set[str] = set()
        self._unsettled: dict[str, Again | None] = {}
        #: Tasks that the receiver runs at once, and when it was last seen to read.
        self._slots, self._read_at = 1, 0.0
        #: Whether the queue was empty at the last look; set when this worker takes or adds a task.
        self._is_empty = False
        self._woken = asyncio.Event()
        self._has_left = False

    async def kick(self, message: BrokerMessage) -> None:
        """Add a task, due after the seconds of its label `delay`.

        Raises:
            AlreadyQueued: it waits or runs already.
            QueueUnavailable: Redis is out of reach, or the queue stays full.
        """
        delay = float(message.labels.get("delay", 0))
        try:
            async with asyncio.timeout(_KICK):
                while (added := await self._add(message, delay)) is Added.FULL:
                    raise_if_cancelled()
                    await asyncio.sleep(_FULL)
        except TimeoutError as error:
            raise QueueUnavailable("The task queue does not answer, or is full.") from error
        if added is Added.KNOWN:
            raise AlreadyQueued

    async def _add(self, message: BrokerMessage, delay: float) -> Added:
        added = await self._stream.add(message.task_id, message.message, delay)
        self._woken.set()
        return added

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yield tasks as they come; taskiq requests the next one when it has room."""
        self._forget_offered()
        while True:
            for entry in await self._next():
                if (task := await self._admitted(entry)) is not None:
                    yield task
                    self._read_at = _now()

    def is_reading(self) -> bool:
        """Return whether the receiver goes on reading, unless it is full of running tasks."""
        return len(self._held) >= self._slots or _now() - self._read_at < _READS_WITHIN

    def serve(self, slots: int) -> None:
        """Expect a receiver that runs so many tasks at once to read from now on."""
        self._slots, self._read_at = slots, _now()

    async def keep(self) -> None:
        """Show that this worker lives while it reads, and move and put back tasks, for ever."""
        # After a disturbance the others get time to show that they live too.
        calm_at = _now() + self._dead_after
        while True:
            if self.is_reading():
                beat()
                try:
                    await self._tick(bury=_now() >= calm_at)
                    await self._settle_the_rest()
                except QueueUnavailable as error:
                    logger.debug("no sign of life: %s", error)
                    self._is_empty = False
                    calm_at = _now() + self._dead_after
            raise_if_cancelled()
            await self._rest()

    async def _tick(self, *, bury: bool) -> None:
        """Give a sign of life; at rest, only look whether the queue is still empty."""
        self._woken.clear()
        if self._is_empty and not self._held:
            self._is_empty = await self._stream.is_empty()
        if self._held or not self._is_empty:
            self._is_empty = await self._stream.tick(bury=bury) == 0

    async def _rest(self) -> None:
        """Wait for the next tick, which a task of this worker brings forward."""
        if self._held or not self._is_empty:
            await asyncio.sleep(_TICK_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._woken.wait()
        self._is_empty = not self._woken.is_set()

    async def shutdown(self) -> None:
        """Give back the tasks that this worker has taken and not finished, and leave."""
        await super().shutdown()
        try:
            if self.is_worker_process:
                await self._settle_the_rest()
                await self._stream.leave()
        except QueueUnavailable as error:
            logger.warning("the other workers will find this one dead: %s", error)
        finally:
            self._has_left = True
            with suppress(QueueUnavailable):  # a connection that cannot be closed is lost already
                await self._stream.close()

    def _forget_offered(self) -> None:
        """Read again the tasks that an earlier receiver took and has not begun."""
        for entry_id in self._offered:
            self._held.pop(entry_id, None)
        self._offered.clear()
        self._stream.reread()

    async def _next(self) -> "list[Entry]":
        pause = _FIRST
        while True:
            raise_if_cancelled()
            self._read_at = _now()
            try:
                with outages.noticing(QueueUnavailable.server):
                    entries = await self._stream.read(at_rest=self._is_empty)
            except QueueUnavailable:
                await asyncio.sleep(pause * uniform(0.75, 1.25))  # noqa: S311 - no secret
                pause = min(2 * pause, _LAST)
            else:
                return [each for each in entries if each.id not in self._held]

    async def _admitted(self, entry: Entry) -> HeldTask | None:
        """Return the task if this worker can run it."""
        self._held[entry.id] = entry.task_id
        self._woken.set()
        payload = entry.payload
        if not entry.fields:
            await self._settle(entry.id, None)  # it was deleted by hand
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
        self._offered.add(entry.id)
        return HeldTask(
            data=payload,
            ack=partial(self._acknowledge, entry.id),
            begin=partial(self._offered.discard, entry.id),
            let_go=partial(self._settle, entry.id, Again(payload, _FOR_OTHERS)),
        )

    def _name_of(self, payload: bytes) -> str:
        """Return the task's name; raise on everything that taskiq's receiver would stumble over."""
        message = self.formatter.loads(payload)
        message.parse_labels()
        attempts_of(message)
        parse_acknowledge_type(message.labels.get("ack_type", "when_executed"))
        return message.task_name

    async def _give_up(self, entry_id: str, task: DeadTask) -> None:
        kept = await self.failures.give_up(task)
        await self._settle(entry_id, None if kept else Again(task.payload, _FOR_OTHERS))

    async def _acknowledge(self, entry_id: str) -> None:
        await self._settle(entry_id, verdict.get())

    async def _settle(self, entry_id: str, again: Again | None) -> None:
        """Report the outcome of a task to Redis: now, or as soon as it answers."""
        if self._has_left:
            return  # it was given back
        self._unsettled[entry_id] = again
        try:
            await self._report(entry_id, again)
        except QueueUnavailable as error:
            logger.debug("Redis will learn later of %s: %s", entry_id, error)

    async def _report(self, entry_id: str, again: Again | None) -> None:
        if (task_id := self._held.get(entry_id)) is None:
            return  # it was reported meanwhile
        if again is None:
            await self._stream.settle(entry_id, task_id)
        else:
            await self._stream.settle(entry_id, task_id, again.payload, again.delay)
        self._unsettled.pop(entry_id, None)
        self._held.pop(entry_id, None)

    async def _settle_the_rest(self) -> None:
        for entry_id, again in list(self._unsettled.items()):
            await self._report(entry_id, again)


def _now() -> float:
    return asyncio.get_running_loop().time()
