"""One role in a process of its own: the relay, the consumer or the worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from dishka import AsyncContainer

from entrypoints.cli.server import listening, serving_beside
from entrypoints.cli.signals import StopSignals
from entrypoints.composition.loops import StartLoops, running
from entrypoints.composition.startup import build_container, opened
from entrypoints.composition.storage import StorageLifecycle
from entrypoints.http.app import api
from entrypoints.http.routes import operations
from entrypoints.observability.logs import announce_ready, logger
from entrypoints.settings import BadSettings, Settings


async def run_role(settings: Settings, name: str, start: StartLoops) -> int:
    """Run a role until SIGINT or SIGTERM; return the exit status.

    Raises:
        BadSettings: a backing service is missing (`orders serve` runs every role then), or
            `ORDERS_PROVIDERS` cannot be used.
        CannotStart: the address is taken, or a server that the role needs cannot be used.
    """
    if settings.missing_services:
        why = "must be set for a role of its own; without it `orders serve` runs every role"
        raise BadSettings(dict.fromkeys(settings.missing_services, why))
    signals, stopped = StopSignals(), asyncio.Event()
    container = build_container(settings)
    storage = await container.get(StorageLifecycle)
    logger.info("starting", role=name, **storage.summary, **settings.summary)
    try:
        async with (
            opened(container, owns_storage=False),
            _admin(container, settings),
            running(container, start),
        ):
            signals.on_stop(stopped.set)
            announce_ready(f"orders {name} is ready.")
            await stopped.wait()
    except asyncio.CancelledError:
        logger.info("stopped on the way up")
    else:
        logger.info("stopped", role=name)
    return 0


@asynccontextmanager
async def _admin(container: AsyncContainer, settings: Settings) -> AsyncIterator[None]:
    """Serve liveness, readiness and metrics beside the role, if `ADMIN_PORT` is set."""
    if settings.admin_port is None:
        yield
        return
    app = api(nullcontext(container), settings, routes=[operations.ROUTES])
    with listening(settings.host, settings.admin_port, "HOST, ADMIN_PORT") as listener:
        async with serving_beside(app, listener, settings.keep_alive):
            yield
