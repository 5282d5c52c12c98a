"""The application that HTTP servers run: `entrypoints.http.app:create_app`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from dishka.provider import BaseProvider
from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.types import ASGIApp

from entrypoints.composition.service import running_service
from entrypoints.http import accounts, docs, operations, orders
from entrypoints.http.edge import Edge
from entrypoints.http.problems import refuse
from entrypoints.http.request import ApiRequest
from entrypoints.http.services import Services
from entrypoints.logs import configure_logs
from entrypoints.settings import Settings, load_settings

_EXPOSED = [
    "ETag",
    "Location",
    "Link",
    "X-Request-Id",
    "X-Cache",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "Idempotent-Replayed",
]


ROUTERS: Final = (accounts.routes, orders.routes, operations.routes, docs.routes)


def create_app(settings: Settings | None = None, *instead: BaseProvider) -> ASGIApp:
    """The API over whatever the settings give (default: the environment's), as an ASGI app.

    Its lifespan starts and stops all that it needs, the roles of the embedded mode included.
    Providers `instead` replace adapters: see the README.

    Raises:
        BadSettings: with every wrong or missing setting.
    """
    if settings is None:
        settings = load_settings()
        configure_logs(settings.log_level, settings.log_format)
    return api(running_service(settings, *instead), settings.cors_origins)


def api(
    service: AbstractAsyncContextManager[Services],
    cors_origins: tuple[str, ...] = (),
    routers: Sequence[Router] = ROUTERS,
) -> ASGIApp:
    """The API over the services that `service` opens when the application starts."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with service as services:
            app.state.services = services
            yield

    app = Litestar(
        routers,
        lifespan=[lifespan],
        request_class=ApiRequest,
        exception_handlers={Exception: refuse},
        openapi_config=None,
        cors_config=_cors(cors_origins),
        # The handlers answer with ready bytes; nothing is to be guessed, cached or logged here.
        logging_config=None,
    )
    return Edge(app)


def _cors(origins: tuple[str, ...]) -> CORSConfig | None:
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "If-Match",
            "If-None-Match",
            "Idempotency-Key",
            "X-Request-Id",
        ],
        expose_headers=_EXPOSED,
    )
