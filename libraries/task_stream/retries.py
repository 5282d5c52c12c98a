"""The outcome of a failed task, between the brokers and the application's policy."""

import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol

from taskiq import AsyncBroker, TaskiqMessage

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retry:
    """A task that is to run again, with this payload, after `delay_seconds`."""

    payload: bytes
    delay_seconds: float


#: The retry of the task that runs in this context; None if it is finished. The broker reads it when
#: taskiq acknowledges, so that one script can delete the old entry and write the new one.
requested_retry: Final[ContextVar[Retry | None]] = ContextVar("requested_retry", default=None)


@dataclass(frozen=True, slots=True)
class DeadTask:
    """A task that is not retried; one that could not be read has had no attempts."""

    payload: bytes
    reason: str
    attempts: int


#: Stores a dead task. If it raises, the task stays in the queue.
DeadLetterTask = Callable[[DeadTask], Awaitable[None]]


async def log_dead_task(task: DeadTask) -> None:
    """Write a dead task to the log."""
    logger.error("a task is given up: %s (%d attempts): %r", task.reason, task.attempts, task)


class RetryPolicy(Protocol):
    """Decides which tasks run again, when, and how often."""

    def check(self, message: TaskiqMessage) -> None:
        """Check the labels that the policy uses.

        Raises:
            ValueError, TypeError: a label is invalid, and the task cannot run.
        """

    async def run(
        self, broker: AsyncBroker, message: TaskiqMessage, task: Callable[[], Awaitable[object]]
    ) -> Retry | None:
        """Run a task; return its retry, or None if it is finished. Raise nothing."""

    async def dead_letter(self, task: DeadTask) -> bool:
        """Store a dead task; return False if that failed, so that it stays in the queue."""


def payload_of(broker: AsyncBroker, message: TaskiqMessage) -> bytes:
    """Return a message as the broker stores it."""
    return broker.formatter.dumps(message).message
