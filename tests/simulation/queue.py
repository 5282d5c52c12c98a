"""A task queue with leases, and the worker that runs its tasks."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from dishka import AsyncContainer

from application.delivery.dead_letter_order import DeadLetterOrder
from application.delivery.requeue_stalled import RequeueStalledOrders
from application.errors import ConcurrentUpdate, ProcessingFailed, QueueUnavailable, Unavailable
from application.orders.process_order import ProcessOrder
from domain.ids import OrderId
from entrypoints.processes.requeuer import Requeuer
from entrypoints.processes.supervisor import Supervisor
from libraries.asyncio_tools.heartbeat import beat, round_done
from tests.simulation.process import SimulatedProcess

_LEASE_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.5
_RETRY_SECONDS: Final = 1.5
_ATTEMPTS: Final = 5
_TASKS_AT_ONCE: Final = 2


@dataclass(slots=True)
class _Task:
    order_id: OrderId
    attempts: int = 0
    #: When a worker may run it, which is later while another worker has it.
    due_at: float = 0.0
    claims: int = 0


class SimulatedQueue:
    """A `TaskQueue` that can be unreachable or forget everything."""

    def __init__(self) -> None:
        self.tasks: dict[OrderId, _Task] = {}
        self.added: set[OrderId] = set()
        self.is_down = False

    async def process_order(self, order_id: OrderId) -> bool:
        """Add an order unless it is already in the queue."""
        self._require_up()
        self.added.add(order_id)
        if order_id in self.tasks:
            return False
        self.tasks[order_id] = _Task(order_id)
        return True

    def claim(self, now: float) -> tuple[_Task, int] | None:
        """Return a task that is due, and the number of this claim."""
        self._require_up()
        for task in self.tasks.values():
            if task.due_at <= now:
                task.due_at, task.claims = now + _LEASE_SECONDS, task.claims + 1
                return task, task.claims
        return None

    def expire_leases(self) -> None:
        """Make all tasks due, as if their workers had been frozen for too long."""
        for task in self.tasks.values():
            task.due_at = 0.0

    def finish(self, task: _Task, claim: int, retry_at: float | None) -> None:
        """Remove a task or postpone it, unless another worker has claimed it meanwhile."""
        self._require_up()
        if self.tasks.get(task.order_id) is task and task.claims == claim:
            if retry_at is None:
                del self.tasks[task.order_id]
            else:
                task.due_at = retry_at

    def _require_up(self) -> None:
        if self.is_down:
            raise QueueUnavailable


async def start_worker(
    container: AsyncContainer, supervisor: Supervisor, _: AsyncExitStack
) -> None:
    """Start a worker's loops: some tasks at once, and the requeuer."""
    process = await container.get(SimulatedProcess)
    run = await container.get(ProcessOrder)
    dead_letter = await container.get(DeadLetterOrder)
    worker = _Worker(process, run, dead_letter)
    for number in range(_TASKS_AT_ONCE):
        supervisor.start(f"worker {number}", worker.run)
    requeue = await container.get(RequeueStalledOrders)
    supervisor.start("requeuer", Requeuer(requeue, process.world.sweep_after).run)


class _Worker:
    def __init__(
        self, process: SimulatedProcess, run: ProcessOrder, dead_letter: DeadLetterOrder
    ) -> None:
        self._process = process
        self._queue = process.world.queue
        self._run = run
        self._dead_letter = dead_letter

    async def run(self) -> None:
        """Run tasks forever."""
        while True:
            self._process.require_alive()
            claimed = self._queue.claim(self._now())
            if claimed is None:
                beat()
                await asyncio.sleep(_POLL_SECONDS)
                continue
            task, claim = claimed
            retry_after = await self._attempt(task)
            self._process.require_alive()
            retry_at = None if retry_after is None else self._now() + retry_after
            self._queue.finish(task, claim, retry_at)
            round_done()

    async def _attempt(self, task: _Task) -> float | None:
        """Return in how many seconds to run the task again, or None if it is finished."""
        self._process.world.shop.begin_attempt(task.order_id)
        try:
            await self._run(task.order_id)
        except (Unavailable, ConcurrentUpdate):
            return _RETRY_SECONDS
        except ProcessingFailed as error:
            task.attempts += 1
            if task.attempts < _ATTEMPTS:
                return 2.0 ** (task.attempts - 1)
            return await self._give_up(task, str(error))
        return None

    async def _give_up(self, task: _Task, reason: str) -> float | None:
        try:
            await self._dead_letter(task.order_id, reason, task.attempts)
        except Unavailable:
            return _RETRY_SECONDS
        return None

    def _now(self) -> float:
        return self._process.world.loop.time()
