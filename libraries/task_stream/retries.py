"""Retries and dead tasks: the interface between the brokers and the application's policy."""

import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol

from taskiq import AsyncBroker, TaskiqMessage

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retry:
    """A request to run a task again, with this payload and after `delay_seconds`."""

    payload: bytes
    delay_seconds: float


#: The current task's retry, or None if the task is finished. The broker reads it when taskiq
#: acknowledges the task, because the same script has to delete the old entry and add the new one.
requested_retry: Final[ContextVar[Retry | None]] = ContextVar("requested_retry", default=None)


@dataclass(frozen=True, slots=True)
class DeadTask:
    """A task that won't be retried. `attempts` is 0 if it could not be read."""

    payload: bytes
    reason: str
    attempts: int


#: Stores a dead task. If it raises, the task stays in the queue.
DeadLetterTask = Callable[[DeadTask], Awaitable[None]]


async def log_dead_task(task: DeadTask) -> None:
    """Log a dead task."""
    logger.error("a task is given up: %s (%d attempts): %r", task.reason, task.attempts, task)


class RetryPolicy(Protocol):
    """Decides which tasks are retried, when and how often."""

    def check(self, message: TaskiqMessage) -> None:
        """Check the labels that the policy uses.

        Raises:
            ValueError, TypeError: a label is invalid, and the task cannot run.
        """

    async def run(
        self, broker: AsyncBroker, message: TaskiqMessage, task: Callable[[], Awaitable[object]]
    ) -> Retry | None:
        """Run a task. Return its retry, or None if it is finished. Must not raise."""

    async def dead_letter(self, task: DeadTask) -> bool:
        """Store a dead task. Return False if that failed, which keeps the task in the queue."""


def payload_of(broker: AsyncBroker, message: TaskiqMessage) -> bytes:
    """Return a message in the broker's storage format."""
    return broker.formatter.dumps(message).message
