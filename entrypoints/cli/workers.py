"""`orders serve` with `WORKERS` > 1: run several API processes behind one address."""

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

#: How often to test if a worker is responding yet.
_PERIOD_SECONDS: Final = 0.1
#: How long a worker may take to stop cleanly after its parent has died.
_STOP_SECONDS: Final = 15.0
#: The address to connect to if the host stands for every address.
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def serve_with_workers(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM, replacing workers that die. Return the exit status.

    Raises:
        BadSettings: `ORDERS_PROVIDERS` cannot be used.
        CannotStart: the address is already in use, or the storage does not respond in time.
        Misconfigured: the schema is missing, out of date, or belongs to another program.
    """
    # Report a bad setting here once, rather than over and over again in each worker.
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
    """Wait for the storage and check its schema once, instead of failing in every worker.

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
    """Return a worker's API. The worker stops cleanly when its parent process ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    log_crashes()
    return create_app()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        # The parent holds the other end of a pipe. The kernel closes it even after a kill.
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_STOP_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)


class _Workers(Multiprocess):
    """uvicorn's supervisor. It also removes the gauges of workers that have ended."""

    _known: frozenset[int] = frozenset()

    def terminate_all(self) -> None:
        """Stop listening, because new connections would never be accepted, and end the workers."""
        logger.info("stopping", role="serve")
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have ended. uvicorn calls this twice a second."""
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
