"""The application that HTTP servers run: `entrypoints.http.app:create_app`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from dishka.provider import BaseProvider
from litestar import Litestar, Router
from litestar.types import ASGIApp

from entrypoints.composition.service import running_service
from entrypoints.composition.startup import build_container
from entrypoints.http.cors import Cors
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.middleware import Edge
from entrypoints.http.problems.responses import refuse
from entrypoints.http.proxies.path_prefix import PathPrefix
from entrypoints.http.routes import accounts, docs, home, operations, orders
from entrypoints.http.services import Services
from entrypoints.observability.logs import configure_logs
from entrypoints.settings import Settings, load_settings

ROUTERS: Final = (accounts.routes, orders.routes, operations.routes, docs.routes, home.routes)


def create_app(settings: Settings | None = None, *overrides: BaseProvider) -> ASGIApp:
    """The API over whatever the settings give (default: the environment's), as an ASGI app.

    Its lifespan starts and stops all that it needs, the roles of the embedded mode included.
    `overrides` are providers that replace adapters: see the README.

    Raises:
        BadSettings: with every wrong or missing setting.
    """
    if settings is None:
        settings = load_settings()
        configure_logs(settings.log_level, settings.log_format)
    return api(running_service(build_container(settings, *overrides)), settings)


def api(
    service: AbstractAsyncContextManager[Services],
    settings: Settings,
    routers: Sequence[Router] = ROUTERS,
) -> ASGIApp:
    """The API over the services that `service` opens when the application starts."""
    app = routing(service, routers)
    first_segments = {route.path.split("/")[1] for route in app.routes}
    readable = Cors(app, settings.cors_origins)
    return Edge(PathPrefix(readable, settings.root_path, settings.trusted_proxies, first_segments))


def routing(
    service: AbstractAsyncContextManager[Services], routers: Sequence[Router] = ROUTERS
) -> Litestar:
    """The routes, without what every answer has from the layers around them."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with service as services:
            app.state.services = services
            yield

    return Litestar(
        routers,
        lifespan=[lifespan],
        request_class=ApiRequest,
        exception_handlers={Exception: refuse},
        openapi_config=None,
        # The handlers answer with ready bytes; nothing is to be guessed, cached or logged here.
        logging_config=None,
    )
