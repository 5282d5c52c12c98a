"""What becomes of a task that fails."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from random import uniform
from typing import Any, Final

from taskiq import TaskiqMessage, TaskiqMiddleware, TaskiqResult
from taskiq.exceptions import NoResultError

from application.errors import Unavailable

logger = logging.getLogger(__name__)

#: The label that counts how often a task has failed by its own fault.
ATTEMPTS_LABEL: Final = "attempts"
ATTEMPTS: Final = 5
#: Seconds until a task is tried again that met a server out of reach.
OUT_OF_REACH: Final = 1.0


@dataclass(frozen=True, slots=True)
class DeadTask:
    """A task that is given up; one that could not be read has had no attempts."""

    payload: bytes
    reason: str
    attempts: int


#: Keeps a dead task somewhere. If it raises, the task is not given up yet.
OnDead = Callable[[DeadTask], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Again:
    """The verdict on a task that is to run again, with this payload, after `delay` seconds."""

    payload: bytes
    delay: float


#: What was decided on the task that runs in this context; None: it is done with. The broker reads
#: it when taskiq acknowledges, so that one script may settle the old entry and write the new one.
verdict: Final[ContextVar[Again | None]] = ContextVar("verdict", default=None)


def retry_delay(attempt: int) -> float:
    """Seconds to wait after the first, second, … failure: about 1, 2, 4, 8."""
    return 2.0 ** (attempt - 1) * uniform(0.75, 1.25)  # noqa: S311 - no secret


async def log_dead(task: DeadTask) -> None:
    """Keep a dead task in the log, where there is no better place."""
    logger.error("a task is given up: %s (%d attempts): %r", task.reason, task.attempts, task)


class TaskFailures(TaskiqMiddleware):
    """Tries a failed task again with backoff, and gives it up after the last attempt.

    A server out of reach is not the task's failure, nor is a worker that stops: neither counts.
    """

    def __init__(
        self,
        on_dead: OnDead = log_dead,
        attempts: int = ATTEMPTS,
        delay: Callable[[int], float] = retry_delay,
        out_of_reach: float = OUT_OF_REACH,
    ) -> None:
        super().__init__()
        self._on_dead = on_dead
        self._attempts = attempts
        self._delay = delay
        self._out_of_reach = out_of_reach

    async def on_error(
        self,
        message: TaskiqMessage,
        result: TaskiqResult[Any],  # noqa: ARG002 - taskiq's signature
        exception: BaseException,
    ) -> None:
        """Decide on a task that has just failed."""
        if not isinstance(exception, NoResultError):
            verdict.set(await self._judge(message, exception))

    async def _judge(self, message: TaskiqMessage, error: BaseException) -> Again | None:
        unchanged = self._payload(message)
        if isinstance(error, asyncio.CancelledError):
            return Again(unchanged, 0)
        if isinstance(error, Unavailable):
            return Again(unchanged, self._out_of_reach * uniform(1, 2))  # noqa: S311 - no secret
        failed = message.labels[ATTEMPTS_LABEL] = attempts_of(message) + 1
        if failed < self._attempts:
            return Again(self._payload(message), self._delay(failed))
        if await self.give_up(DeadTask(unchanged, _described(error), failed)):
            return None
        return Again(unchanged, self._delay(failed))

    async def give_up(self, task: DeadTask) -> bool:
        """Hand over a dead task; False where nobody could keep it, so that it must not go yet."""
        try:
            await self._on_dead(task)
        except Exception:
            logger.exception("a dead task could not be kept, and stays for now")
            return False
        return True

    def _payload(self, message: TaskiqMessage) -> bytes:
        return self.broker.formatter.dumps(message).message


def attempts_of(message: TaskiqMessage) -> int:
    """How often the task has failed so far.

    Raises:
        ValueError, TypeError: its label is no number.
    """
    return int(message.labels.get(ATTEMPTS_LABEL, 0))


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
