"""The ASGI application. HTTP servers run `entrypoints.http.app:create_app`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from dishka import AsyncContainer
from dishka.provider import BaseProvider
from litestar import Litestar, Router
from litestar.types import ASGIApp

from application.accounts.authenticate import Authenticate
from application.ports.authentication_log import AuthenticationLog
from application.ports.limits import RateLimiter
from entrypoints.composition.service import service_of
from entrypoints.http.cors import CorsMiddleware
from entrypoints.http.dispatch import Dispatch
from entrypoints.http.guards import GuardDependencies
from entrypoints.http.injection import Injection
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.middleware import RequestMiddleware
from entrypoints.http.openapi.operation import Routes
from entrypoints.http.overload import OverloadMiddleware
from entrypoints.http.problems.responses import handle_exception
from entrypoints.http.proxies.path_prefix import PathPrefixMiddleware
from entrypoints.http.responses.options import with_options
from entrypoints.http.routes import ROUTES
from entrypoints.observability.logs import configure_logs
from entrypoints.settings import Settings, load_settings


def create_app(settings: Settings | None = None, *overrides: BaseProvider) -> ASGIApp:
    """Return the API. The default settings come from the environment.

    The application's lifespan starts and stops all resources and, in embedded mode, every role.
    `overrides` are providers that replace adapters (see the README).

    Raises:
        BadSettings: settings are wrong or missing. The error lists all of them.
    """
    if settings is None:
        settings = load_settings()
        configure_logs(settings.log_level, settings.log_format)
    return api(service_of(settings, *overrides), settings)


def api(
    service: AbstractAsyncContextManager[AsyncContainer],
    settings: Settings,
    routes: Sequence[Routes] = ROUTES,
) -> ASGIApp:
    """Return the API. It uses the container that `service` opens when the application starts."""
    app = routing(service, routes)
    first_segments = {route.path.split("/")[1] for route in app.routes}
    readable = CorsMiddleware(
        OverloadMiddleware(Dispatch(app, app.state.endpoints)), settings.cors_origins
    )
    return RequestMiddleware(
        PathPrefixMiddleware(readable, settings.root_path, settings.trusted_proxies, first_segments)
    )


def routing(
    service: AbstractAsyncContextManager[AsyncContainer], routes: Sequence[Routes] = ROUTES
) -> Litestar:
    """Return the routes without any middleware around them."""
    injection = Injection()

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with service as container:
            await injection.fill(container)
            app.state.guard_dependencies = await _guard_dependencies(container)
            yield

    app = Litestar(
        [_router(group, injection) for group in routes],
        lifespan=[lifespan],
        request_class=ApiRequest,
        exception_handlers={Exception: handle_exception},
        openapi_config=None,
        # Litestar does not need to log anything, because our middleware does.
        logging_config=None,
    )
    app.state.endpoints = injection.endpoints
    return app


def _router(group: Routes, injection: Injection) -> Router:
    handlers = [injection.bind(handler) for handler in group.handlers]
    return Router("/", route_handlers=with_options(*handlers))


async def _guard_dependencies(container: AsyncContainer) -> GuardDependencies:
    return GuardDependencies(
        await container.get(Authenticate),
        await container.get(RateLimiter),
        await container.get(Settings),
        await container.get(AuthenticationLog),
    )
