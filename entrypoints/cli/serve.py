"""`orders serve`: the API in this process, and every role that has no process of its own."""

import asyncio
from contextlib import nullcontext

from entrypoints.cli.server import Server, announce, listening
from entrypoints.cli.signals import Stop
from entrypoints.composition.embedded import data_dir_of, only_server
from entrypoints.composition.service import running_service
from entrypoints.http.app import api
from entrypoints.observability.logs import logger
from entrypoints.settings import Settings


async def serve(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM; the exit status.

    Raises:
        CannotStart: the address is taken, or something that we need is not to be had.
    """
    stop = Stop()
    try:
        with (
            listening(settings.host, settings.port, "HOST, PORT") as listener,
            only_server(settings),
        ):
            data_dir = data_dir_of(settings)
            data = {"data_dir": str(data_dir)} if data_dir else {}
            logger.info("starting", role="serve", **settings.summary, **data)
            async with running_service(settings) as container:
                app = api(nullcontext(container), settings)
                server = Server(app, settings.keep_alive, lambda: announce(listener, data_dir))
                stop.once_up(server.shut_down)
                await server.serve(sockets=[listener])
    except asyncio.CancelledError:
        logger.info("stopped on the way up")
    else:
        logger.info("stopped", role="serve")
    return 0
