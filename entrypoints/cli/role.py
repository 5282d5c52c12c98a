"""Run one role (relay, consumer or worker) in its own process."""

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
    """Run a role until SIGINT or SIGTERM, then return the exit status.

    Raises:
        BadSettings: a backing service is not set (in that case `orders serve` runs every role),
            or `ORDERS_PROVIDERS` cannot be used.
        CannotStart: the address is already in use, or the role can't use a server it needs.
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
    """Serve liveness, readiness and metrics while the role is running, if `ADMIN_PORT` is set."""
    if settings.admin_port is None:
        yield
        return
    app = api(nullcontext(container), settings, routes=[operations.ROUTES])
    with listening(settings.host, settings.admin_port, "HOST, ADMIN_PORT") as listener:
        async with serving_beside(app, listener, settings.keep_alive):
            yield
