"""taskiq's in-memory broker, with a bound and with retries."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, Final

from taskiq import AckableMessage, BrokerMessage, InMemoryBroker

from libraries.task_stream.errors import QueueFull, TaskAlreadyQueued
from libraries.task_stream.receiver import RetryingReceiver
from libraries.task_stream.retries import Retry, RetryPolicy, requested_retry

#: Seconds in which a task must be added.
_ADD_TIMEOUT_SECONDS: Final = 1.0


class InProcessBroker(InMemoryBroker):
    """Runs tasks in this process, at most `max_running` of them, each id once at a time.

    taskiq's own starts any number of tasks at once, and retries none.
    """

    def __init__(self, max_running: int, policy: RetryPolicy) -> None:
        super().__init__(max_stored_results=1, propagate_exceptions=False)
        self.receiver = RetryingReceiver(
            self, policy, propagate_exceptions=False, max_async_tasks=1
        )
        self._free = asyncio.Semaphore(max_running)
        #: The ids of all tasks that run, or wait for their next attempt or for room.
        self._known: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Task[None]] = set()
        self._is_draining = False

    async def kick(self, message: BrokerMessage) -> None:
        """Start the task as soon as there is room for it.

        Raises:
            TaskAlreadyQueued: a task of this id waits or runs already.
            QueueFull: there is no room in time.
        """
        if message.task_id in self._known:
            raise TaskAlreadyQueued
        self._known.add(message.task_id)
        try:
            async with asyncio.timeout(_ADD_TIMEOUT_SECONDS):
                await self._free.acquire()
        except TimeoutError as error:
            self._known.discard(message.task_id)
            raise QueueFull from error
        except BaseException:
            self._known.discard(message.task_id)
            raise
        _start(self._run(message.task_id, message.message), self._running)

    async def _run(self, task_id: str, payload: bytes) -> None:
        try:
            await self.receiver.callback(AckableMessage(data=payload, ack=_no_ack))
        finally:
            self._free.release()
            retry = requested_retry.get()
            if retry is None or self._is_draining:
                self._known.discard(task_id)
            else:
                _start(self._run_again(task_id, retry), self._waiting)

    async def _run_again(self, task_id: str, retry: Retry) -> None:
        await asyncio.sleep(retry.delay_seconds)
        await self._free.acquire()
        _start(self._run(task_id, retry.payload), self._running)

    async def drain(self, drain_seconds: float) -> None:
        """Let running tasks end, and cancel the rest after `drain_seconds`.

        Canceled and waiting tasks are dropped; their sender must send them again.
        """
        self._is_draining = True
        for task in self._waiting:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=drain_seconds)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, *self._waiting, return_exceptions=True)


def _no_ack() -> None:
    """Do nothing: the task's run is awaited here."""


def _start(work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
    # A new context, so that the retry of one run is not inherited by the next.
    task = asyncio.create_task(work, context=Context())
    tasks.add(task)
    task.add_done_callback(tasks.discard)
