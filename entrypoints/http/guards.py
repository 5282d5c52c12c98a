"""Authentication and rate limits, which are checked before each route.

A guard is its route's `before_request` hook. Litestar also has a concept of guards, but it copies
the whole route for them in every request.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from application.accounts.authenticate import Authenticate
from application.accounts.caller import Caller
from application.errors import InsufficientScope, NotAuthenticated, TokenMissing
from application.ports.authentication_log import AuthenticationLog
from application.ports.limits import Limit, RateLimiter
from domain.scope import Scope
from entrypoints.http.errors import RepeatedHeader
from entrypoints.http.messages.request import ApiRequest, joined, peer_of
from entrypoints.http.proxies.client_address import client_key
from entrypoints.http.rate_limits import Admission
from entrypoints.settings import Settings

WhichLimit = Callable[[Settings], Limit | None]

#: The admission's key in an ASGI scope.
_ADMISSION: Final = "orders.admission"


@dataclass(frozen=True, slots=True)
class GuardDependencies:
    """The dependencies of all guards, stored in the application's state during startup."""

    authenticate: Authenticate
    limiter: RateLimiter
    settings: Settings
    authentication_log: AuthenticationLog


def default_limit(settings: Settings) -> Limit | None:
    """Return the limit for routes without their own limit."""
    return settings.rate_limit_default


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Checks a request's token and its rate limit before the route runs.

    With `needs_token`, the limit is per user or machine client, and the route finds the caller in
    the request. Machine clients also need `scope`; if it is None, the route is for accounts only.
    Otherwise the limit is per address. A request without a valid token counts against the limit of
    its address. If that limit is exceeded, the response is 429 rather than 401. With
    `reads_beside`, the route has to read inside `async with admission_of(request)`.
    """

    which: WhichLimit
    needs_token: bool
    reads_beside: bool = False
    scope: Scope | None = None

    async def __call__(self, request: Any) -> None:  # Litestar types hooks for any request class
        """Return if the request passes all checks.

        Raises:
            RateLimited: the rate limit is exceeded.
            NotAuthenticated: the token is missing or not valid.
            InsufficientScope: the route is not for this machine client.
            RepeatedHeader: there is more than one Authorization header.
        """
        dependencies = dependencies_of(request.scope)
        if self.needs_token:
            request.scope["user"] = caller = await _authenticated(request, dependencies)
            admission = _hit(dependencies, self.which, str(caller.actor.id))
            if not caller.may_use(self.scope):
                await admission.require()
                raise InsufficientScope(self.scope)
        else:
            admission = _hit(dependencies, self.which, address_of(request))
        if self.reads_beside:
            request.scope[_ADMISSION] = admission
        else:
            await admission.require()


def open_to_all(which: WhichLimit = default_limit) -> Guard:
    """Return a guard that admits every client, up to the rate limit of its address."""
    return Guard(which=which, needs_token=False)


def for_users(which: WhichLimit = default_limit, scope: Scope | None = None) -> Guard:
    """Return a guard that admits callers with a valid token, up to their own rate limit.

    Machine clients need `scope`. If it is None, they are refused.
    """
    return Guard(which=which, needs_token=True, scope=scope)


def for_readers(scope: Scope) -> Guard:
    """Like `for_users`, but the route reads while the rate limit is still being checked."""
    return Guard(which=default_limit, needs_token=True, reads_beside=True, scope=scope)


def admission_of(request: Any) -> Admission:
    """Return the admission started by the guard `for_readers`."""
    admission: Admission = request.scope[_ADMISSION]
    return admission


def address_of(request: ApiRequest) -> str:
    """Return the key for rate limits per address: the client's address, or its IPv6 network."""
    return address_in(request.scope)


def address_in(scope: Any) -> str:
    """Return the key for rate limits per address of the request with this ASGI scope."""
    return client_key(
        peer_of(scope),
        joined(scope, b"x-forwarded-for"),
        joined(scope, b"forwarded"),
        dependencies_of(scope).settings.trusted_proxies,
    )


def dependencies_of(scope: Any) -> GuardDependencies:
    """Return the dependencies that were stored during startup."""
    dependencies: GuardDependencies = scope["litestar_app"].state.guard_dependencies
    return dependencies


async def _authenticated(request: ApiRequest, dependencies: GuardDependencies) -> Caller:
    try:
        return await dependencies.authenticate(_bearer_token(request))
    except (NotAuthenticated, RepeatedHeader):
        await _hit(dependencies, default_limit, address_of(request)).require()
        raise


def _hit(dependencies: GuardDependencies, which: WhichLimit, key: str) -> Admission:
    limit = which(dependencies.settings)
    return Admission(dependencies.limiter.hit(limit, key) if limit else None)


def _bearer_token(request: ApiRequest) -> str:
    authorization = request.header(b"authorization")
    if authorization is None:
        raise TokenMissing
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not (token := token.strip()):
        raise TokenMissing("The Authorization header does not contain a bearer token.")
    return token
