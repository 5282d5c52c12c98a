"""What SIGINT and SIGTERM mean to a process that serves until it is told to stop."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

from entrypoints.observability.logs import logger


class Stop:
    """Turn back on the way up; once up, come down in order."""

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = asyncio.current_task()
        self._come_down: Callable[[], None] | None = None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self)

    def once_up(self, shut_down: Callable[[], None]) -> None:
        """From now on, a signal means this."""
        self._come_down = shut_down

    def __call__(self) -> None:
        """A signal has come."""
        logger.info("stopping")
        if self._come_down is not None:
            self._come_down()
        elif self._task is not None:
            self._task.cancel()
