"""Run one role (relay, consumer or worker) in its own process."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext

from dishka import AsyncContainer

from entrypoints.cli.signals import StopSignals
from entrypoints.composition.loops import StartLoops, running
from entrypoints.composition.startup import build_container, opened
from entrypoints.composition.storage import StorageLifecycle
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
        logger.info("stopped during startup")
    else:
        logger.info("stopped", role=name)
    return 0


def _admin(container: AsyncContainer, settings: Settings) -> AbstractAsyncContextManager[None]:
    """Serve liveness, readiness and metrics while the role is running, if `ADMIN_PORT` is set."""
    if settings.admin_port is None:
        return nullcontext()
    # Only imported if it is used: the HTTP server costs a process 0.4 s of CPU time.
    from entrypoints.cli.admin_port import serving_admin  # noqa: PLC0415 - as above

    return serving_admin(container, settings, settings.admin_port)
