"""What becomes of a task that fails."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from random import uniform
from typing import Final

from taskiq import AsyncBroker, TaskiqMessage

from application.errors import ConcurrentUpdate, ProcessingFailed, Unavailable
from libraries.outages import outages

logger = logging.getLogger(__name__)

#: The label that counts how often a task has failed by its own fault.
ATTEMPTS_LABEL: Final = "attempts"
ATTEMPTS: Final = 5
#: Seconds until a task is tried again that met a server out of reach, and a bug of ours.
OUT_OF_REACH: Final = 1.5
UNEXPECTED: Final = 15.0


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
    return 2.0 ** (attempt - 1) * _spread()


def _spread() -> float:
    return uniform(0.75, 1.25)  # noqa: S311 - no secret


async def log_dead(task: DeadTask) -> None:
    """Keep a dead task in the log, where there is no better place."""
    logger.error("a task is given up: %s (%d attempts): %r", task.reason, task.attempts, task)


class TaskFailures:
    """Tries a failed task again with backoff, and gives it up after the last attempt.

    Only `ProcessingFailed` counts as an attempt: an error that came out of the fulfilment or the
    domain. A server out of reach, a lost race, a worker that stops and a bug around the processing
    do not make a healthy order a dead letter.
    """

    def __init__(
        self,
        on_dead: OnDead = log_dead,
        attempts: int = ATTEMPTS,
        delay: Callable[[int], float] = retry_delay,
        out_of_reach: float = OUT_OF_REACH,
        unexpected: float = UNEXPECTED,
    ) -> None:
        self._on_dead = on_dead
        self._attempts = attempts
        self._delay = delay
        self._out_of_reach = out_of_reach
        self._unexpected = unexpected

    async def run(
        self, broker: AsyncBroker, message: TaskiqMessage, task: Callable[[], Awaitable[object]]
    ) -> None:
        """Run a task; whatever it raises becomes the verdict, and no error of taskiq's."""
        try:
            with outages.noticing(Unavailable.server):
                await task()
        except BaseException as error:  # noqa: BLE001 - taskiq, too, lets no task end its receiver
            verdict.set(await self._judge(broker, message, error))

    async def _judge(
        self, broker: AsyncBroker, message: TaskiqMessage, error: BaseException
    ) -> Again | None:
        unchanged = _payload(broker, message)
        match error:
            case asyncio.CancelledError():
                return Again(unchanged, 0)
            case Unavailable() | ConcurrentUpdate():
                return Again(unchanged, self._out_of_reach * _spread())
            case ProcessingFailed():
                return await self._count(broker, message, error)
        logger.error("a task met an error that is not its own", exc_info=error)
        return Again(unchanged, self._unexpected * _spread())

    async def _count(
        self, broker: AsyncBroker, message: TaskiqMessage, error: ProcessingFailed
    ) -> Again | None:
        unchanged, reason = _payload(broker, message), _described(error.__cause__ or error)
        failed = message.labels[ATTEMPTS_LABEL] = attempts_of(message) + 1
        logger.warning("a task failed: %s (attempt %d of %d)", reason, failed, self._attempts)
        if failed < self._attempts:
            return Again(_payload(broker, message), self._delay(failed))
        if await self.give_up(DeadTask(unchanged, reason, failed)):
            return None
        return Again(unchanged, self._delay(failed))

    async def give_up(self, task: DeadTask) -> bool:
        """Hand over a dead task; False if it could not be kept, so that it must not go yet."""
        try:
            await self._on_dead(task)
        except Unavailable as error:
            outages.note(error)
            return False
        except Exception:
            logger.exception("a dead task could not be kept, and stays for now")
            return False
        return True


def _payload(broker: AsyncBroker, message: TaskiqMessage) -> bytes:
    return broker.formatter.dumps(message).message


def attempts_of(message: TaskiqMessage) -> int:
    """How often the task has failed so far.

    Raises:
        ValueError, TypeError: its label is no number.
    """
    return int(message.labels.get(ATTEMPTS_LABEL, 0))


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
