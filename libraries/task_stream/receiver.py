"""A taskiq receiver that runs tasks through a retry policy."""

from collections.abc import Callable
from typing import Any

from taskiq import AsyncBroker, TaskiqMessage
from taskiq.acks import AckController
from taskiq.receiver import Receiver
from taskiq.result import TaskiqResult

from libraries.task_stream.retries import RetryPolicy, requested_retry


class RetryingReceiver(Receiver):
    """Turns a task's failure into a retry.

    Without this, taskiq would log an error and traceback for each failure, even during an outage.
    """

    def __init__(self, broker: AsyncBroker, policy: RetryPolicy, **options: Any) -> None:
        super().__init__(broker, **options)
        self._policy = policy

    async def run_task(
        self,
        target: Callable[..., Any],
        message: TaskiqMessage,
        ack_controller: AckController | None = None,
    ) -> TaskiqResult[Any]:
        """Run a task. The result never contains the task's error."""

        async def run(*args: Any, **kwargs: Any) -> None:
            retry = await self._policy.run(self.broker, message, lambda: target(*args, **kwargs))
            requested_retry.set(retry)

        return await super().run_task(run, message, ack_controller)
