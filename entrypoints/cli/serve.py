"""`orders serve`: run the API, and every role that does not have its own process."""

import asyncio
import sys
from contextlib import nullcontext

from entrypoints.cli.run import configured, run
from entrypoints.cli.server import ApiServer, announce, listening
from entrypoints.cli.signals import StopSignals
from entrypoints.cli.workers import serve_with_workers
from entrypoints.composition.service import running_service
from entrypoints.composition.startup import build_container
from entrypoints.composition.storage import StorageLifecycle
from entrypoints.http.app import api
from entrypoints.observability.logs import logger
from entrypoints.settings import Settings


def serve() -> None:
    """Serve the HTTP API and every role without its own process."""
    settings = configured()
    if settings.workers > 1:
        sys.exit(serve_with_workers(settings))
    run(_serve(settings))


async def _serve(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM, then return the exit status.

    Raises:
        BadSettings: `ORDERS_PROVIDERS` cannot be used.
        CannotStart: the address is already in use, or the storage cannot be used.
    """
    signals = StopSignals()
    container = build_container(settings)
    storage = await container.get(StorageLifecycle)
    try:
        with (
            listening(settings.host, settings.port, "HOST, PORT") as listener,
            storage.serve_lock(),
        ):
            data_dir = storage.data_dir
            data = {"data_dir": str(data_dir)} if data_dir else {}
            summary = {**storage.summary, **settings.summary, **data}
            logger.info("starting", role="serve", **summary)
            async with running_service(container):
                app = api(nullcontext(container), settings)
                server = ApiServer(app, settings.keep_alive, lambda: announce(listener, data_dir))
                signals.on_stop(server.shut_down)
                await server.serve(sockets=[listener])
    except asyncio.CancelledError:
        logger.info("stopped on the way up")
    else:
        logger.info("stopped", role="serve")
    return 0
