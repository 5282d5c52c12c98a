"""taskiq's receiver, which turns the failure of a task into a verdict before taskiq sees it."""

from collections.abc import Callable
from typing import Any

from taskiq import AsyncBroker, TaskiqMessage
from taskiq.acks import AckController
from taskiq.receiver import Receiver
from taskiq.result import TaskiqResult

from adapters.taskiq.failures import TaskFailures


class JudgingReceiver(Receiver):
    """Otherwise taskiq would log each failure as an error with a traceback, an outage included."""

    def __init__(self, broker: AsyncBroker, failures: TaskFailures, **options: Any) -> None:
        super().__init__(broker, **options)
        self._failures = failures

    async def run_task(
        self,
        target: Callable[..., Any],
        message: TaskiqMessage,
        ack_controller: AckController | None = None,
    ) -> TaskiqResult[Any]:
        """Run a task; its failure is no error of the result."""

        async def judged(*arguments: Any, **named: Any) -> None:
            await self._failures.run(self.broker, message, lambda: target(*arguments, **named))

        return await super().run_task(judged, message, ack_controller)
