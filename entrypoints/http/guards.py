"""Authentication and rate limits: the checks before each route, in the order of its refusals.

Each guard is a route's `before_request`, because Litestar gives its own guards a fresh copy of the
whole route.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from application.accounts.authenticate import Authenticate
from application.errors import NotAuthenticated, TokenMissing
from application.ports.limits import Limit, RateLimiter
from domain.account import User
from entrypoints.http.admission import Admission
from entrypoints.http.errors import RepeatedHeader
from entrypoints.http.messages.request import ApiRequest, peer_of
from entrypoints.http.proxies.client_address import client_key
from entrypoints.settings import Settings

WhichLimit = Callable[[Settings], Limit | None]


@dataclass(frozen=True, slots=True)
class Access:
    """The dependencies of the guards, in `app.state.access` from the start of the application."""

    authenticate: Authenticate
    limiter: RateLimiter
    settings: Settings


@dataclass(frozen=True, slots=True)
class Guard:
    """Runs before a route, as its `before_request`."""

    check: Callable[[ApiRequest], Awaitable[None]]
    needs_token: bool

    async def __call__(self, request: Any) -> None:  # Litestar's hooks take requests of any kind
        """Return if the request may pass, or else raise."""
        await self.check(request)


def default_limit(settings: Settings) -> Limit | None:
    """Return the limit of the routes that have no limit of their own."""
    return settings.rate_limit_default


def open_to_all(which: WhichLimit = default_limit) -> Guard:
    """Return a guard that admits every client, within the limit of its address."""

    async def guard(request: ApiRequest) -> None:
        await _hit(request, which, address_of(request)).require()

    return Guard(guard, needs_token=False)


def for_users(which: WhichLimit = default_limit) -> Guard:
    """Return a guard that admits clients with a valid token, within the limit of their user.

    A client without a valid token hits the limit of its address, whose refusal comes first.
    """

    async def guard(request: ApiRequest) -> None:
        request.scope["user"] = user = await _authenticated(request)
        await _hit(request, which, str(user.id)).require()

    return Guard(guard, needs_token=True)


def for_readers() -> Guard:
    """Return a guard as `for_users`, for a route that reads beside the hit of the limit.

    The route must read within `async with request.admission`.
    """

    async def guard(request: ApiRequest) -> None:
        request.scope["user"] = user = await _authenticated(request)
        request.admission = _hit(request, default_limit, str(user.id))

    return Guard(guard, needs_token=True)


def address_of(request: ApiRequest) -> str:
    """Return the key of the limits by address: the client's address, or its IPv6 network."""
    return client_key(
        peer_of(request.scope),
        request.list_header(b"x-forwarded-for"),
        request.list_header(b"forwarded"),
        _access(request).settings.trusted_proxies,
    )


def _access(request: ApiRequest) -> Access:
    access: Access = request.scope["litestar_app"].state.access
    return access


async def _authenticated(request: ApiRequest) -> User:
    try:
        return await _access(request).authenticate(_bearer_token(request))
    except (NotAuthenticated, RepeatedHeader):
        await _hit(request, default_limit, address_of(request)).require()
        raise


def _hit(request: ApiRequest, which: WhichLimit, key: str) -> Admission:
    access = _access(request)
    limit = which(access.settings)
    return Admission(access.limiter.hit(limit, key) if limit else None)


def _bearer_token(request: ApiRequest) -> str:
    authorization = request.header(b"authorization")
    if authorization is None:
        raise TokenMissing
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not (token := token.strip()):
        raise TokenMissing("The Authorization header holds no bearer token.")
    return token
