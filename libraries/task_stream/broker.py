"""A taskiq broker on a Redis stream."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
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
from libraries.task_stream.stream import Entry, TaskStream

logger = logging.getLogger(__name__)

MAX_TASKS: Final = 100_000
DEAD_AFTER_SECONDS: Final = 5.0
#: Seconds in which a task must be added, and between two attempts while the queue is full.
_ADD_TIMEOUT_SECONDS, _FULL_PAUSE_SECONDS = 1.0, 0.1
#: Seconds between two heartbeats while there are tasks, and so the delay of a delayed task.
_HEARTBEAT_SECONDS: Final = 0.5
#: Seconds between two looks of an idle worker whether another one has tasks. Not longer than
#: `DEAD_AFTER_SECONDS`: then a worker that dies with its first task is found as early as by a busy
#: one.
_IDLE_LOOK_SECONDS: Final = 5.0
#: Seconds between two attempts to read, at first and at last.
_MIN_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 0.1, 2.0
#: Seconds until a task that this worker cannot run is offered to the others again.
_FOR_OTHERS_SECONDS: Final = 2.0
#: Seconds without a read after which a worker with room for a task sends no heartbeat.
_READS_WITHIN_SECONDS: Final = 15.0


class HeldTask(AckableMessage):
    """A task that this worker has taken.

    `mark_started` notes that it runs from now on; `put_back` returns it unchanged.
    """

    mark_started: Callable[[], None]
    put_back: Callable[[], Awaitable[None]]


class RedisStreamBroker(AsyncBroker):
    """Keeps each task in a stream until its run has ended; other workers take over a dead one's.

    - A task is in the queue once: adding an id that waits or runs fails.
    - `policy` decides on the retries of a failed task, and receives at once a task that cannot be
      read. A task of an unknown name waits for another worker.
    - Adding a task waits while `max_tasks` others are in the queue.
    - While Redis is unavailable, workers wait for it, and report finished tasks later.

    Every read of the stream runs within `watch_read()`, which sees its `RedisUnavailable`.
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
        #: Task ids by entry: tasks that were taken and are not settled in Redis.
        self._held: dict[str, str] = {}
        #: Those among them that the receiver has not started.
        self._offered: set[str] = set()
        self._unsettled: dict[str, Retry | None] = {}
        #: Tasks that the receiver runs at once, and when it last read.
        self._slots, self._read_at = 1, 0.0
        #: Whether the queue was empty at the last look.
        self._is_empty = False
        #: Set when this worker takes or adds a task.
        self._woken = asyncio.Event()
        self._has_left = False

    async def kick(self, message: BrokerMessage) -> None:
        """Add a task, due after the seconds of its label `delay`.

        Raises:
            TaskAlreadyQueued: a task of this id waits or runs already.
            QueueFull: the queue stays full.
            RedisUnavailable: Redis does not answer.
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
        """Yield tasks as they arrive; taskiq requests the next one when it has room."""
        self._forget_offered()
        while True:
            for entry in await self._next():
                if (task := await self._accept(entry)) is not None:
                    yield task
                    self._read_at = _now()

    def is_reading(self) -> bool:
        """Return whether the receiver goes on reading, unless it is full of running tasks."""
        return len(self._held) >= self._slots or _now() - self._read_at < _READS_WITHIN_SECONDS

    def expect_reads(self, slots: int) -> None:
        """Expect reads from now on, by a receiver that runs `slots` tasks at once."""
        self._slots, self._read_at = slots, _now()

    async def send_heartbeats(self) -> None:
        """Send heartbeats while this worker reads, move due tasks, and reclaim those of the dead.

        It never returns.
        """
        # After an outage the other workers get time for their own heartbeats.
        calm_at = _now() + self._dead_after_seconds
        while True:
            if self.is_reading():
                beat()
                try:
                    await self._heartbeat(reclaim=_now() >= calm_at)
                    await self._settle_the_rest()
                except RedisUnavailable as error:
                    logger.debug("cannot send a heartbeat: %s", error)
                    self._is_empty = False
                    calm_at = _now() + self._dead_after_seconds
            raise_if_cancelled()
            await self._pause()

    async def _heartbeat(self, *, reclaim: bool) -> None:
        """Send a heartbeat; when idle, only look whether the queue is still empty."""
        self._woken.clear()
        if self._is_empty and not self._held:
            self._is_empty = await self._stream.is_empty()
        if self._held or not self._is_empty:
            self._is_empty = await self._stream.heartbeat(reclaim=reclaim) == 0

    async def _pause(self) -> None:
        """Wait until the next heartbeat; a task of this worker ends an idle wait."""
        if self._held or not self._is_empty:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_LOOK_SECONDS):
                await self._woken.wait()
        self._is_empty = not self._woken.is_set()

    async def shutdown(self) -> None:
        """Put back the tasks that this worker has taken and not finished, and leave."""
        await super().shutdown()
        try:
            if self.is_worker_process:
                await self._settle_the_rest()
                await self._stream.leave()
        except RedisUnavailable as error:
            logger.warning("the other workers will find this one dead: %s", error)
        finally:
            self._has_left = True
            with suppress(RedisUnavailable):  # a connection that cannot be closed is lost already
                await self._stream.close()

    def _forget_offered(self) -> None:
        """Read again the tasks that an earlier receiver took and did not start."""
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
                    entries = await self._stream.read(is_idle=self._is_empty)
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
            await self._give_up(entry.id, DeadTask(payload, f"it cannot be read: {error}", 0))
            return None
        for_others = Retry(payload, _FOR_OTHERS_SECONDS)
        if self.find_task(name) is None:
            logger.warning("no task here is called %s; another worker may know it", name)
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
        """Return the task's name; raise on everything that taskiq's receiver would fail on."""
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
        """Report the outcome of a task to Redis: now, or as soon as it answers."""
        if self._has_left:
            return  # it was put back
        self._unsettled[entry_id] = retry
        try:
            await self._report(entry_id, retry)
        except RedisUnavailable as error:
            logger.debug("the end of %s will be reported later: %s", entry_id, error)

    async def _report(self, entry_id: str, retry: Retry | None) -> None:
        if (task_id := self._held.get(entry_id)) is None:
            return  # it was reported meanwhile
        if retry is None:
            await self._stream.settle(entry_id, task_id)
        else:
            await self._stream.settle(entry_id, task_id, retry.payload, retry.delay_seconds)
        self._unsettled.pop(entry_id, None)
        self._held.pop(entry_id, None)

    async def _settle_the_rest(self) -> None:
        for entry_id, retry in list(self._unsettled.items()):
            await self._report(entry_id, retry)


def _now() -> float:
    return asyncio.get_running_loop().time()
