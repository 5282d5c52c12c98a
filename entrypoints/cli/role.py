"""`orders relay`, `orders consume`, `orders work`: a role in a process of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Final

from dishka import AsyncContainer

from domain.errors import Invalid
from entrypoints.cli.server import listening, serving_beside
from entrypoints.cli.signals import Stop
from entrypoints.composition.roles import (
    Role,
    consumer_role,
    relay_role,
    running,
    worker_role,
)
from entrypoints.composition.service import opened_container
from entrypoints.http.app import api
from entrypoints.http.routes import operations
from entrypoints.messaging.subscriptions import (
    Subscription,
    find_subscription,
    subscriptions_on,
)
from entrypoints.observability.logs import announce_ready, logger
from entrypoints.settings import BadSettings, Settings

ROLES: Final[dict[str, Role]] = {
    "relay": relay_role,
    "work": worker_role,
}


async def run_consumers(settings: Settings, name: str | None) -> int:
    """Run the consumer with this name, or every one that is on; return the exit status.

    Raises:
        BadSettings: the consumer is off, or as `run_role`.
        CannotStart: as `run_role`.
        Invalid: there is no such consumer.
    """
    subscriptions = subscriptions_on(settings) if name is None else [_named(settings, name)]
    return await _run(settings, "consume", consumer_role(*subscriptions))


async def run_role(settings: Settings, name: str) -> int:
    """Run a role until SIGINT or SIGTERM; return the exit status.

    Raises:
        BadSettings: a backing service is missing: then `orders serve` runs every role itself.
        CannotStart: something that the role needs is not to be had.
    """
    return await _run(settings, name, ROLES[name])


def _named(settings: Settings, name: str) -> Subscription:
    try:
        return find_subscription(settings, name)
    except ValueError as error:
        raise Invalid.value("unknown-consumer", f"The name of a consumer {error}.") from error


async def _run(settings: Settings, name: str, role: Role) -> int:
    if settings.missing_services:
        why = "must be set for a role of its own; without it `orders serve` runs every role"
        raise BadSettings(dict.fromkeys(settings.missing_services, why))
    stop, stopped = Stop(), asyncio.Event()
    logger.info("starting", role=name, **settings.summary)
    try:
        async with (
            opened_container(settings) as container,
            _admin(container, settings),
            running(container, role),
        ):
            stop.once_up(stopped.set)
            announce_ready(f"orders {name} is ready.")
            await stopped.wait()
    except asyncio.CancelledError:
        logger.info("stopped on the way up")
    else:
        logger.info("stopped", role=name)
    return 0


@asynccontextmanager
async def _admin(container: AsyncContainer, settings: Settings) -> AsyncIterator[None]:
    """Liveness, readiness and metrics beside the role, where `ADMIN_PORT` is set."""
    if settings.admin_port is None:
        yield
        return
    app = api(nullcontext(container), settings, routes=[operations.ROUTES])
    with listening(settings.host, settings.admin_port, "HOST, ADMIN_PORT") as listener:
        async with serving_beside(app, listener, settings.keep_alive):
            yield
