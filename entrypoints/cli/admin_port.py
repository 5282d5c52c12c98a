"""Serve liveness, readiness and metrics of a role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from dishka import AsyncContainer

from entrypoints.cli.server import listening, serving_beside
from entrypoints.http.app import api
from entrypoints.http.routes import operations
from entrypoints.settings import Settings


@asynccontextmanager
async def serving_admin(
    container: AsyncContainer, settings: Settings, port: int
) -> AsyncIterator[None]:
    """Serve the routes for operators on this port until the end of the block.

    Raises:
        CannotStart: the address is already in use.
    """
    app = api(nullcontext(container), settings, routes=[operations.ROUTES])
    with listening(settings.host, port, "HOST, ADMIN_PORT") as listener:
        async with serving_beside(app, listener, settings.keep_alive):
            yield
