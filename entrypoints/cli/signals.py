"""Handle SIGINT and SIGTERM in a process that runs until it is stopped."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

from entrypoints.observability.logs import logger


class StopSignals:
    """Handles SIGINT and SIGTERM. During startup they cancel it, afterwards they shut down cleanly.

    Create this in the task that starts the process.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = asyncio.current_task()
        self._shut_down: Callable[[], None] | None = None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._handle)

    def on_stop(self, shut_down: Callable[[], None]) -> None:
        """Call `shut_down` on signals from now on, because startup is complete."""
        self._shut_down = shut_down

    def _handle(self) -> None:
        logger.info("stopping")
        if self._shut_down is not None:
            self._shut_down()
        elif self._task is not None:
            self._task.cancel()
