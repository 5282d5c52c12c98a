"""Who may ask, and how often: what stands before each route, in the order of its refusals.

Each is a route's `before_request`: to every guard Litestar gives a fresh copy of the whole route.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from application.accounts.authenticate import Authenticate
from application.errors import NotAuthenticated, RateLimited, TokenMissing
from application.ports.limits import Limit, RateLimiter, RateLimitResult
from application.rate_limit_results import note
from domain.account import User
from entrypoints.http.errors import RepeatedHeader
from entrypoints.http.messages.request import ApiRequest, peer_of
from entrypoints.http.proxies.client_address import client_key
from entrypoints.settings import Settings

WhichLimit = Callable[[Settings], Limit | None]


@dataclass(frozen=True, slots=True)
class Access:
    """What guards ask; `app.state.access` holds it from the start of the application."""

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
    """The limit over everything that has none of its own."""
    return settings.rate_limit_default


def open_to_all(which: WhichLimit = default_limit) -> Guard:
    """A guard that lets everybody in, as often as the limit of their address allows."""

    async def guard(request: ApiRequest) -> None:
        await _taken(request, which, address_of(request))

    return Guard(guard, needs_token=False)


def for_users(which: WhichLimit = default_limit) -> Guard:
    """A guard that lets holders of a valid token in, as often as their own limit allows.

    Who has no valid token is refused by the limit of their address before they are by the token.
    """

    async def guard(request: ApiRequest) -> None:
        request.scope["user"] = user = await _authenticated(request)
        await _taken(request, which, str(user.id))

    return Guard(guard, needs_token=True)


def for_readers() -> Guard:
    """As `for_users`, for a route that asks the cache while the limit is being asked.

    The route awaits `request.admission` before it tells anything.
    """

    async def guard(request: ApiRequest) -> None:
        request.scope["user"] = user = await _authenticated(request)
        request.admission = _taken(request, default_limit, str(user.id))

    return Guard(guard, needs_token=True)


def address_of(request: ApiRequest) -> str:
    """The key of the limits by address: the client's address, or the network that stands for it."""
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
        await _taken(request, default_limit, address_of(request))
        raise


def _taken(request: ApiRequest, which: WhichLimit, key: str) -> Awaitable[None]:
    access = _access(request)
    limit = which(access.settings)
    return _judged(access.limiter.hit(limit, key) if limit else None)


async def _judged(asked: Awaitable[RateLimitResult] | None) -> None:
    if asked is None:
        return
    result = await asked
    note(result)
    if not result.allowed:
        raise RateLimited(result.retry_after)


def _bearer_token(request: ApiRequest) -> str:
    authorization = request.header(b"authorization")
    if authorization is None:
        raise TokenMissing
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not (token := token.strip()):
        raise TokenMissing("The Authorization header holds no bearer token.")
    return token
