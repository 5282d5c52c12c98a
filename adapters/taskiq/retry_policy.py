"""Decide which failures of a task count as an attempt, and when to run it again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import uniform
from typing import Final

from taskiq import AsyncBroker, TaskiqMessage

from application.errors import ConcurrentUpdate, ProcessingFailed, Unavailable
from libraries.outages import outages
from libraries.task_stream.retries import (
    DeadLetterTask,
    DeadTask,
    Retry,
    log_dead_task,
    payload_of,
)

logger = logging.getLogger(__name__)

#: The label that contains the number of attempts.
_ATTEMPTS_LABEL: Final = "attempts"
MAX_ATTEMPTS: Final = 5
#: Seconds until a task is run again after an outage, and after a bug.
OUTAGE_DELAY_SECONDS: Final = 1.5
BUG_DELAY_SECONDS: Final = 15.0


def backoff_seconds(attempt: int) -> float:
    """Return how many seconds to wait after an attempt: about 1 s, then 2 s, 4 s and 8 s."""
    return 2.0 ** (attempt - 1) * _jitter()


def _jitter() -> float:
    return uniform(0.75, 1.25)  # noqa: S311 - not a secret


class ProcessingRetryPolicy:
    """Retries failed tasks with backoff, and dead-letters them after the last attempt.

    Only `ProcessingFailed` counts as an attempt, which means that the fulfilment or the domain
    raised an error. A healthy order doesn't become a dead letter because of an outage, a lost race,
    a worker that is stopping, or a bug outside the actual processing.
    """

    def __init__(
        self,
        dead_letter: DeadLetterTask = log_dead_task,
        max_attempts: int = MAX_ATTEMPTS,
        backoff: Callable[[int], float] = backoff_seconds,
        outage_delay_seconds: float = OUTAGE_DELAY_SECONDS,
        bug_delay_seconds: float = BUG_DELAY_SECONDS,
    ) -> None:
        self._dead_letter = dead_letter
        self._max_attempts = max_attempts
        self._backoff = backoff
        self._outage_delay_seconds = outage_delay_seconds
        self._bug_delay_seconds = bug_delay_seconds

    def check(self, message: TaskiqMessage) -> None:
        """Check the number of attempts."""
        _attempts_of(message)

    async def run(
        self, broker: AsyncBroker, message: TaskiqMessage, task: Callable[[], Awaitable[object]]
    ) -> Retry | None:
        """Run a task. Return when to retry it, or None if it's finished."""
        try:
            with outages.noticing(Unavailable.server):
                await task()
        except BaseException as error:  # noqa: BLE001 - tasks must not stop taskiq's receiver
            return await self._retry_after(error, broker, message)
        return None

    async def _retry_after(
        self, error: BaseException, broker: AsyncBroker, message: TaskiqMessage
    ) -> Retry | None:
        unchanged = payload_of(broker, message)
        match error:
            case asyncio.CancelledError():
                return Retry(unchanged, 0)
            case Unavailable() | ConcurrentUpdate():
                return Retry(unchanged, self._outage_delay_seconds * _jitter())
            case ProcessingFailed():
                return await self._count(error, broker, message)
        logger.error("a task met an error that is not its own", exc_info=error)
        return Retry(unchanged, self._bug_delay_seconds * _jitter())

    async def _count(
        self, error: ProcessingFailed, broker: AsyncBroker, message: TaskiqMessage
    ) -> Retry | None:
        unchanged, reason = payload_of(broker, message), _reason(error.__cause__ or error)
        attempts = message.labels[_ATTEMPTS_LABEL] = _attempts_of(message) + 1
        logger.warning("a task failed: %s (attempt %d of %d)", reason, attempts, self._max_attempts)
        if attempts < self._max_attempts:
            return Retry(payload_of(broker, message), self._backoff(attempts))
        if await self.dead_letter(DeadTask(unchanged, reason, attempts)):
            return None
        return Retry(unchanged, self._backoff(attempts))

    async def dead_letter(self, task: DeadTask) -> bool:
        """Store a dead task. Return False if this fails."""
        try:
            await self._dead_letter(task)
        except Unavailable as error:
            outages.note(error)
            return False
        except Exception:
            logger.exception("a dead task could not be stored, and stays in the queue")
            return False
        return True


def _attempts_of(message: TaskiqMessage) -> int:
    """Return the number of failed attempts.

    Raises:
        ValueError, TypeError: the label is not a number.
    """
    return int(message.labels.get(_ATTEMPTS_LABEL, 0))


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
