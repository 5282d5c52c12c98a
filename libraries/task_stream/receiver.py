"""taskiq's receiver, with the retry policy between taskiq and the task."""

from collections.abc import Callable
from typing import Any

from taskiq import AsyncBroker, TaskiqMessage
from taskiq.acks import AckController
from taskiq.receiver import Receiver
from taskiq.result import TaskiqResult

from libraries.task_stream.retries import RetryPolicy, requested_retry


class RetryingReceiver(Receiver):
    """Turns the failure of a task into a retry.

    Otherwise taskiq would log each failure as an error with a traceback, even during an outage.
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
        """Run a task; its result never holds an error of the task."""

        async def run(*args: Any, **kwargs: Any) -> None:
            retry = await self._policy.run(self.broker, message, lambda: target(*args, **kwargs))
            requested_retry.set(retry)

        return await super().run_task(run, message, ack_controller)
