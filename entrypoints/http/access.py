"""Who may ask, and how often: the guards of the routes, in the order of their refusals."""

from collections.abc import Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from application.allowances import note
from application.errors import NotAuthenticated, RateLimited
from application.ports.limits import Limit
from entrypoints.http.client_address import client_address
from entrypoints.http.services import HttpLimits, Services

Connection = ASGIConnection[Any, Any, Any, Any]
WhichLimit = Callable[[HttpLimits], Limit | None]


def default_limit(limits: HttpLimits) -> Limit | None:
    """The limit over everything that has none of its own."""
    return limits.default


def open_to_all(which: WhichLimit = default_limit) -> Guard:
    """A guard that lets everybody in, as often as the limit of their address allows."""

    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        await _take(connection, which, address_of(connection))

    return guard


def for_users(which: WhichLimit = default_limit) -> Guard:
    """A guard that lets holders of a valid token in, as often as their own limit allows.

    Who has no valid token is refused by the limit of their address before they are by the token.
    """

    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        services = _services(connection)
        try:
            user = await services.authenticate(_bearer_token(connection))
        except NotAuthenticated:
            await _take(connection, default_limit, address_of(connection))
            raise
        connection.scope["user"] = user
        await _take(connection, which, str(user.id))

    return guard


def address_of(connection: Connection) -> str:
    """The address that a request comes from."""
    peer = connection.client.host if connection.client else ""
    forwarded_for = ",".join(connection.headers.getall("x-forwarded-for", []))
    return client_address(peer, forwarded_for, _services(connection).trusted_proxies)


async def _take(connection: Connection, which: WhichLimit, key: str) -> None:
    services = _services(connection)
    limit = which(services.limits)
    if limit is None:
        return
    allowance = await services.limiter.take(limit, key)
    note(allowance)
    if not allowance.allowed:
        raise RateLimited(allowance.retry_after)


def _bearer_token(connection: Connection) -> str:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated
    return token.strip()


def _services(connection: Connection) -> Services:
    services: Services = connection.scope["litestar_app"].state.services
    return services
