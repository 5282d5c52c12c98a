"""taskiq's in-memory broker, with a bound."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

from taskiq import AckableMessage, BrokerMessage, InMemoryBroker

from adapters.taskiq.failures import Again, OnDead, TaskFailures, log_dead, verdict
from adapters.taskiq.traces import TaskTraces


class InProcessBroker(InMemoryBroker):
    """Runs tasks in this process, at most `at_once` of them; whoever brings another one waits.

    taskiq's own starts a task for every message that comes, without end, and tries none again.
    """

    def __init__(
        self, at_once: int, on_dead: OnDead = log_dead, failures: TaskFailures | None = None
    ) -> None:
        super().__init__(max_stored_results=1, propagate_exceptions=False)
        self.add_middlewares(TaskTraces(), failures or TaskFailures(on_dead))
        self._free = asyncio.Semaphore(at_once)
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Task[None]] = set()
        self._is_draining = False

    async def kick(self, message: BrokerMessage) -> None:
        """Start the task as soon as there is room for it."""
        await self._free.acquire()
        _start(self._run(message.message), self._running)

    async def _run(self, payload: bytes) -> None:
        try:
            await self.receiver.callback(AckableMessage(data=payload, ack=self._settle))
        finally:
            self._free.release()

    def _settle(self) -> None:
        """Do with a task that has run what was decided on it."""
        again = verdict.get()
        if again is not None and not self._is_draining:
            _start(self._run_again(again), self._waiting)

    async def _run_again(self, again: Again) -> None:
        await asyncio.sleep(again.delay)
        await self._free.acquire()
        _start(self._run(again.payload), self._running)

    async def drain(self, patience: float) -> None:
        """Let running tasks end, and stop those that have not after `patience` seconds.

        What is stopped is not lost: its order stays unprocessed, and is handed over again.
        """
        self._is_draining = True
        for task in self._waiting:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=patience)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, *self._waiting, return_exceptions=True)


def _start(work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
    # A context of its own: what was decided on one run says nothing of the next.
    task = asyncio.create_task(work, context=Context())
    among.add(task)
    task.add_done_callback(among.discard)
