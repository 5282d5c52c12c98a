"""taskiq's in-memory broker, with a bound."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, Final

from taskiq import AckableMessage, BrokerMessage, InMemoryBroker

from adapters.taskiq.failures import Again, OnDead, TaskFailures, log_dead, verdict
from adapters.taskiq.queue import AlreadyQueued
from adapters.taskiq.receiver import JudgingReceiver
from adapters.taskiq.traces import TaskTraces
from application.errors import QueueUnavailable

#: Seconds that bringing a task may take.
_KICK: Final = 1.0


class InProcessBroker(InMemoryBroker):
    """Runs tasks in this process, at most `at_once` of them, each id once at a time.

    taskiq's own starts a task for every message that comes, without end, and tries none again.
    """

    def __init__(
        self, at_once: int, on_dead: OnDead = log_dead, failures: TaskFailures | None = None
    ) -> None:
        super().__init__(max_stored_results=1, propagate_exceptions=False)
        self.add_middlewares(TaskTraces())
        self.receiver = JudgingReceiver(
            self, failures or TaskFailures(on_dead), propagate_exceptions=False, max_async_tasks=1
        )
        self._free = asyncio.Semaphore(at_once)
        #: The ids of all tasks that run, or wait for their next attempt or for room.
        self._known: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Task[None]] = set()
        self._is_draining = False

    async def kick(self, message: BrokerMessage) -> None:
        """Start the task as soon as there is room for it.

        Raises:
            AlreadyQueued: it waits or runs already.
            QueueUnavailable: there is no room.
        """
        if message.task_id in self._known:
            raise AlreadyQueued
        self._known.add(message.task_id)
        try:
            async with asyncio.timeout(_KICK):
                await self._free.acquire()
        except TimeoutError as error:
            self._known.discard(message.task_id)
            raise QueueUnavailable("The task queue is full.") from error
        except BaseException:
            self._known.discard(message.task_id)
            raise
        _start(self._run(message.task_id, message.message), self._running)

    async def _run(self, task_id: str, payload: bytes) -> None:
        try:
            await self.receiver.callback(AckableMessage(data=payload, ack=_no_ack))
        finally:
            self._free.release()
            again = verdict.get()
            if again is None or self._is_draining:
                self._known.discard(task_id)
            else:
                _start(self._run_again(task_id, again), self._waiting)

    async def _run_again(self, task_id: str, again: Again) -> None:
        await asyncio.sleep(again.delay)
        await self._free.acquire()
        _start(self._run(task_id, again.payload), self._running)

    async def drain(self, time_budget: float) -> None:
        """Let running tasks end, and stop those that have not after `time_budget` seconds.

        What is stopped is not lost: its order stays unprocessed, and is handed over again.
        """
        self._is_draining = True
        for task in self._waiting:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=time_budget)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, *self._waiting, return_exceptions=True)


def _no_ack() -> None:
    """Do nothing: the task's run is awaited here."""


def _start(work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
    # A context of its own: what was decided on one run says nothing of the next.
    task = asyncio.create_task(work, context=Context())
    among.add(task)
    task.add_done_callback(among.discard)
