"""taskiq's in-memory broker with a limit and retries."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, Final

from taskiq import AckableMessage, BrokerMessage, InMemoryBroker

from libraries.task_stream.errors import QueueFull, TaskAlreadyQueued
from libraries.task_stream.receiver import RetryingReceiver
from libraries.task_stream.retries import Retry, RetryPolicy, requested_retry

#: The timeout for adding a task.
_ADD_TIMEOUT_SECONDS: Final = 1.0


class InProcessBroker(InMemoryBroker):
    """Runs up to `max_running` tasks in this process, but only one per id at a time.

    taskiq's own broker does not limit how many tasks run concurrently, and doesn't retry them.
    """

    def __init__(self, max_running: int, policy: RetryPolicy) -> None:
        super().__init__(max_stored_results=1, propagate_exceptions=False)
        self.receiver = RetryingReceiver(
            self, policy, propagate_exceptions=False, max_async_tasks=1
        )
        self._free = asyncio.Semaphore(max_running)
        #: The ids of all tasks that are running, or waiting for their next attempt or for room.
        self._known: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Task[None]] = set()
        self._is_draining = False

    async def kick(self, message: BrokerMessage) -> None:
        """Start the task as soon as there is room for it.

        Raises:
            TaskAlreadyQueued: a task with this id is already waiting or running.
            QueueFull: there is no room for it in time.
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
        """Let running tasks finish, but cancel the remaining ones after `drain_seconds`.

        Canceled and waiting tasks are dropped, which means that they have to be sent again.
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
    """Do nothing, because the broker awaits the task itself."""


def _start(work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
    # Use a new context. Otherwise, a run would inherit the previous run's retry.
    task = asyncio.create_task(work, context=Context())
    tasks.add(task)
    task.add_done_callback(tasks.discard)
