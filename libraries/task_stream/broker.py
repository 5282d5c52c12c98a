"""A taskiq broker that uses a Redis stream."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from os import getpid
from random import uniform
from socket import gethostname
from typing import Final
from uuid import uuid4

from taskiq import AckableMessage, AsyncBroker, BrokerMessage
from taskiq.acks import parse_acknowledge_type

from libraries.asyncio_tools.cancellation import raise_if_cancelled
from libraries.asyncio_tools.heartbeat import beat
from libraries.redis_client.errors import RedisUnavailable
from libraries.task_stream.errors import QueueFull, TaskAlreadyQueued
from libraries.task_stream.retries import DeadTask, Retry, RetryPolicy, requested_retry
from libraries.task_stream.scripts import Added
from libraries.task_stream.settlements import Settlement, Settlements
from libraries.task_stream.stream import Entry, TaskStream

logger = logging.getLogger(__name__)

MAX_TASKS: Final = 100_000
DEAD_AFTER_SECONDS: Final = 5.0
#: The timeout for adding a task, and the pause between attempts while the queue is full.
_ADD_TIMEOUT_SECONDS, _FULL_PAUSE_SECONDS = 1.0, 0.1
#: The heartbeat interval while there are tasks. Delayed tasks may be late by this much.
_HEARTBEAT_SECONDS: Final = 0.5
#: How often an idle worker checks whether other workers have tasks. This should not be longer than
#: `DEAD_AFTER_SECONDS`. Otherwise, if a worker died with its first task, idle workers would notice
#: it later than busy ones.
_IDLE_LOOK_SECONDS: Final = 5.0
#: The shortest and longest pause between attempts to read.
_MIN_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 0.1, 2.0
#: The most tasks to read together.
_MAX_READ: Final = 64
#: How long it takes until a task that this worker can't run is offered to other workers.
_FOR_OTHERS_SECONDS: Final = 2.0
#: If a worker with room for another task hasn't read for this long, it stops sending heartbeats.
_READS_WITHIN_SECONDS: Final = 15.0


class HeldTask(AckableMessage):
    """A task that this worker has taken.

    Call `mark_started` when it starts to run, or `put_back` to return it to the queue unchanged.
    """

    mark_started: Callable[[], None]
    put_back: Callable[[], Awaitable[None]]


class RedisStreamBroker(AsyncBroker):
    """Keeps each task in a stream until it has finished. Workers take over tasks from dead workers.

    - Each task is in the queue only once. Adding an id that is already waiting or running fails.
    - The `policy` decides if failed tasks are retried. If a task can't be read, it is passed to the
      policy immediately. If its name is unknown, it waits for another worker.
    - If there are `max_tasks` in the queue, adding another one waits.
    - If Redis is unavailable, workers wait for it, and report finished tasks later.

    Each read is wrapped in `watch_read()`, which also sees any `RedisUnavailable`.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        policy: RetryPolicy,
        *,
        max_tasks: int = MAX_TASKS,
        dead_after_seconds: float = DEAD_AFTER_SECONDS,
        watch_read: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        super().__init__()
        self.name = f"{gethostname()}-{getpid()}-{uuid4().hex[:8]}"
        self.policy = policy
        self._stream = TaskStream(url, prefix, self.name, max_tasks, dead_after_seconds)
        self._watch_read = watch_read
        self._dead_after_seconds = dead_after_seconds
        #: Task ids of taken tasks that have not been settled in Redis yet, by entry.
        self._held: dict[str, str] = {}
        #: The held entries that the receiver has not started.
        self._offered: set[str] = set()
        self._settlements = Settlements(self._report)
        #: How many tasks the receiver runs concurrently, and when it last read.
        self._slots, self._read_at = 1, 0.0
        #: Whether the queue was empty when it was last checked.
        self._is_empty = False
        #: Set when this worker takes or adds a task.
        self._woken = asyncio.Event()
        self._has_left = False

    async def kick(self, message: BrokerMessage) -> None:
        """Add a task. If it has a `delay` label, it is due after that many seconds.

        Raises:
            TaskAlreadyQueued: a task with this id is already waiting or running.
            QueueFull: the queue is still full after a while.
            RedisUnavailable: Redis does not respond.
        """
        delay_seconds = float(message.labels.get("delay", 0))
        added = None
        try:
            async with asyncio.timeout(_ADD_TIMEOUT_SECONDS):
                while (added := await self._add(message, delay_seconds)) is Added.FULL:
                    raise_if_cancelled()
                    await asyncio.sleep(_FULL_PAUSE_SECONDS)
        except TimeoutError as error:
            if added is Added.FULL:
                raise QueueFull from error
            raise RedisUnavailable("no answer in time") from error
        if added is Added.KNOWN:
            raise TaskAlreadyQueued

    async def _add(self, message: BrokerMessage, delay_seconds: float) -> Added:
        added = await self._stream.add(message.task_id, message.message, delay_seconds)
        self._woken.set()
        return added

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yield tasks one by one as they arrive."""
        async for tasks in self.reads():
            for task in tasks:
                yield task

    async def reads(self) -> AsyncGenerator[Sequence[HeldTask], None]:
        """Yield the tasks of each read together. The caller needs room before the next read."""
        self._forget_offered()
        while True:
            accepted = [await self._accept(entry) for entry in await self._next()]
            if tasks := [task for task in accepted if task is not None]:
                yield tasks
                self._read_at = _now()

    def is_reading(self) -> bool:
        """Return whether the receiver keeps reading or has a good reason (it is full) not to."""
        return len(self._held) >= self._slots or _now() - self._read_at < _READS_WITHIN_SECONDS

    @property
    def _room(self) -> int:
        """How many tasks to read. More would wait here even if another worker is idle."""
        return max(1, min(_MAX_READ, self._slots - len(self._held)))

    def expect_reads(self, slots: int) -> None:
        """Expect reads from now on, by a receiver that runs up to `slots` tasks concurrently."""
        self._slots, self._read_at = slots, _now()

    async def send_heartbeats(self) -> None:
        """Send heartbeats while this worker is reading. Never returns.

        Each heartbeat also moves due tasks to the stream and reclaims dead workers' tasks.
        """
        # After an outage, give other workers time to send their own heartbeats first.
        calm_at = _now() + self._dead_after_seconds
        while True:
            if self.is_reading():
                beat()
                try:
                    await self._heartbeat(reclaim=_now() >= calm_at)
                    await self._settlements.report()
                except RedisUnavailable as error:
                    logger.debug("cannot send a heartbeat: %s", error)
                    self._is_empty = False
                    calm_at = _now() + self._dead_after_seconds
            raise_if_cancelled()
            await self._pause()

    async def _heartbeat(self, *, reclaim: bool) -> None:
        """Send a heartbeat, or only check whether the queue is still empty if it was empty."""
        self._woken.clear()
        if self._is_empty and not self._held:
            self._is_empty = await self._stream.is_empty()
        if self._held or not self._is_empty:
            self._is_empty = await self._stream.heartbeat(reclaim=reclaim) == 0

    async def _pause(self) -> None:
        """Wait until the next heartbeat. If this worker gets a task, an idle wait ends early."""
        if self._held or not self._is_empty:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_LOOK_SECONDS):
                await self._woken.wait()
        self._is_empty = not self._woken.is_set()

    async def shutdown(self) -> None:
        """Put back all unfinished tasks of this worker and leave."""
        await super().shutdown()
        try:
            if self.is_worker_process:
                await self._settlements.report()
                await self._stream.leave()
        except RedisUnavailable as error:
            logger.warning(
                "cannot leave the queue, other workers will reclaim the tasks: %s", error
            )
        finally:
            self._has_left = True
            with suppress(RedisUnavailable):  # if closing fails, the connection is already lost
                await self._stream.close()

    def _forget_offered(self) -> None:
        """Read the tasks again that a previous receiver has taken but not started."""
        for entry_id in self._offered:
            self._held.pop(entry_id, None)
        self._offered.clear()
        self._stream.reread()

    async def _next(self) -> "list[Entry]":
        backoff = _MIN_BACKOFF_SECONDS
        while True:
            raise_if_cancelled()
            self._read_at = _now()
            try:
                with self._watch_read():
                    entries = await self._stream.read(self._room, is_idle=self._is_empty)
            except RedisUnavailable:
                await asyncio.sleep(backoff * uniform(0.75, 1.25))  # noqa: S311 - no secret
                backoff = min(2 * backoff, _MAX_BACKOFF_SECONDS)
            else:
                return [each for each in entries if each.id not in self._held]

    async def _accept(self, entry: Entry) -> HeldTask | None:
        """Return the task if this worker can run it."""
        self._held[entry.id] = entry.task_id
        self._woken.set()
        payload = entry.payload
        if not entry.fields:
            await self._settle(entry.id, None)  # it was deleted by hand
            return None
        try:
            name = self._name_of(payload)
        except Exception as error:  # noqa: BLE001 - taskiq's parsers raise various errors
            await self._give_up(entry.id, DeadTask(payload, f"the task cannot be read: {error}", 0))
            return None
        for_others = Retry(payload, _FOR_OTHERS_SECONDS)
        if self.find_task(name) is None:
            logger.warning("unknown task %s, leaving it to another worker", name)
            await self._settle(entry.id, for_others)
            return None
        self._offered.add(entry.id)
        return HeldTask(
            data=payload,
            ack=partial(self._acknowledge, entry.id),
            mark_started=partial(self._offered.discard, entry.id),
            put_back=partial(self._settle, entry.id, for_others),
        )

    def _name_of(self, payload: bytes) -> str:
        """Return the task's name. Raise for anything that would make taskiq's receiver fail."""
        message = self.formatter.loads(payload)
        message.parse_labels()
        self.policy.check(message)
        parse_acknowledge_type(message.labels.get("ack_type", "when_executed"))
        return message.task_name

    async def _give_up(self, entry_id: str, task: DeadTask) -> None:
        is_stored = await self.policy.dead_letter(task)
        await self._settle(
            entry_id, None if is_stored else Retry(task.payload, _FOR_OTHERS_SECONDS)
        )

    async def _acknowledge(self, entry_id: str) -> None:
        await self._settle(entry_id, requested_retry.get())

    async def _settle(self, entry_id: str, retry: Retry | None) -> None:
        """Report a task's outcome to Redis now, or as soon as Redis is available again."""
        if self._has_left:
            return  # it has been put back
        if (task_id := self._held.get(entry_id)) is None:
            return  # it has been reported in the meantime
        try:
            await self._settlements.add(Settlement(entry_id, task_id, retry))
        except RedisUnavailable as error:
            logger.debug("cannot report the outcome of %s yet: %s", entry_id, error)

    async def _report(self, settlements: Sequence[Settlement]) -> None:
        await self._stream.settle(settlements)
        for settlement in settlements:
            self._held.pop(settlement.entry_id, None)


def _now() -> float:
    return asyncio.get_running_loop().time()
