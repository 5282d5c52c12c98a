"""`orders serve` with `WORKERS` > 1: several processes of the API behind one address."""

import asyncio
import os
import signal
import socket
import threading
import time
from http.client import HTTPConnection, HTTPException
from multiprocessing import parent_process
from typing import Final

import uvicorn
from dishka import AsyncContainer
from litestar.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from entrypoints.cli.server import announce, listening, options
from entrypoints.cli.signals import StopSignals
from entrypoints.composition.startup import build_container, opened
from entrypoints.composition.storage import StorageLifecycle
from entrypoints.http.app import create_app
from entrypoints.observability.logs import log_crashes, logger
from entrypoints.observability.metrics.workers import counting_together, forget_worker
from entrypoints.settings import Settings

#: Between two requests that test whether a worker answers.
_PERIOD_SECONDS: Final = 0.1
#: Time for a worker to stop in order after the death of its parent.
_STOP_SECONDS: Final = 15.0
#: An address of this machine, for hosts that mean every address.
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def serve_with_workers(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM, replacing workers that die; return the exit status.

    Raises:
        BadSettings: `ORDERS_PROVIDERS` cannot be used.
        CannotStart: the address is taken, or the storage does not answer in time.
        Misconfigured: the schema is missing, behind, or another program's.
    """
    # A bad setting is refused here once, instead of in each worker again and again.
    container = build_container(settings)
    with listening(settings.host, settings.port, "HOST, PORT") as listener:
        if not asyncio.run(_is_ready(container, settings)):
            return 0
        config = uvicorn.Config(
            "entrypoints.cli.workers:create_worker_app",
            factory=True,
            workers=settings.workers,
            **options(settings.keep_alive),
        )
        threading.Thread(target=_announce_once_up, args=(listener,), daemon=True).start()
        with counting_together():
            _Workers(config, sockets=[listener]).run()
    logger.info("stopped", role="serve")
    return 0


async def _is_ready(container: AsyncContainer, settings: Settings) -> bool:
    """Wait for the storage and check its schema: each worker would report the same failure.

    Return False if a signal ended the wait.
    """
    StopSignals()
    storage = await container.get(StorageLifecycle)
    summary = {**storage.summary, **settings.summary}
    logger.info("starting", role="serve", workers=settings.workers, **summary)
    try:
        async with opened(container, owns_storage=False):
            pass
    except asyncio.CancelledError:
        logger.info("stopped on the way up")
        return False
    return True


def create_worker_app() -> ASGIApp:
    """Return the API of a worker, which stops in order when its parent process ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    log_crashes()
    return create_app()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        # The parent has the other end of a pipe; the kernel closes it, even after a kill.
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_STOP_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)


class _Workers(Multiprocess):
    """uvicorn's supervisor, which also removes the gauges of a worker that has ended."""

    _known: frozenset[int] = frozenset()

    def terminate_all(self) -> None:
        """End the workers; refuse new connections, which would wait in vain."""
        logger.info("stopping", role="serve")
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have ended; called twice a second."""
        super().keep_subprocess_alive()
        running = frozenset(process.pid for process in self.processes if process.pid)
        for pid in self._known - running:
            forget_worker(pid)
        self._known = running


def _announce_once_up(listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    while not _answers(_LOOPBACK.get(host, host), port):
        time.sleep(_PERIOD_SECONDS)
    announce(listener)


def _answers(host: str, port: int) -> bool:
    connection = HTTPConnection(host, port, timeout=60)
    try:
        connection.request("GET", "/health/")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
