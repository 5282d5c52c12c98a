"""The CORS protocol (https://fetch.spec.whatwg.org/#http-cors-protocol).

We don't use Litestar's own middleware because it refuses preflights in plain text, treats every
OPTIONS request with an Origin as a preflight, and overwrites `Vary`
(`docs/adr/0020-proxies-and-browsers.md`).
"""

import re
from collections.abc import Awaitable, Collection
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.http.errors import PreflightRefused
from entrypoints.http.messages.request import joined, values_of
from entrypoints.http.problems.responses import problem_response
from entrypoints.http.responses.raw_response import Header, RawResponse

_METHODS: Final = ("GET", "HEAD", "POST", "PATCH", "DELETE")
_REQUEST_HEADERS: Final = (
    "Accept",
    "Accept-Language",
    "Authorization",
    "Content-Language",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-Id",
    "X-Requested-With",
    "traceparent",
    "tracestate",
)
_ALLOWED_HEADERS: Final = {name.lower() for name in _REQUEST_HEADERS}
_EXPOSED_HEADERS: Final = (
    "Allow",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Limit",
    "RateLimit-Policy",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "WWW-Authenticate",
    "X-Cache",
    "X-Request-Id",
)
_MAX_AGE_SECONDS: Final = 600

_EXPOSE: Final = (b"access-control-expose-headers", ", ".join(_EXPOSED_HEADERS).encode())
_VARY: Final = (b"vary", b"Origin")
_VARY_OF_PREFLIGHTS: Final = (
    b"vary",
    b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
)
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", ", ".join(_METHODS).encode()),
    (b"access-control-allow-headers", ", ".join(_REQUEST_HEADERS).encode()),
    (b"access-control-max-age", b"%d" % _MAX_AGE_SECONDS),
    _VARY_OF_PREFLIGHTS,
)


class CorsMiddleware:
    """Answers preflights, and lets pages from the given origins read all other responses."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = [_pattern(origin) for origin in origins]
        self._is_open_to_all = "*" in origins

    # This is not `async` because that would cost every request another coroutine.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        if scope["type"] == ScopeType.HTTP:
            if scope["method"] == "OPTIONS" and _is_preflight(scope):
                return self._answer_preflight(scope)(scope, receive, send)
            if self._origins:
                send = self._with_headers(_origin(scope), send)
        return self._app(scope, receive, send)

    def _answer_preflight(self, scope: Scope) -> RawResponse:
        origin = _origin(scope)
        refusal = self._refusal(scope, origin)
        if refusal:
            return problem_response(scope, PreflightRefused(refusal), [_VARY_OF_PREFLIGHTS])
        return RawResponse.without_body(204, [self._allow_origin(origin), *_PREFLIGHT])

    def _refusal(self, scope: Scope, origin: bytes) -> str | None:
        """Return the reason for refusing a preflight, or None."""
        if not self._allows(origin):
            return "CORS_ORIGINS does not include this origin."
        method = joined(scope, b"access-control-request-method")
        if method not in _METHODS:
            return f"The method must be one of {', '.join(_METHODS)}."
        names = (joined(scope, b"access-control-request-headers") or "").split(",")
        refused = [
            name
            for each in names
            if (name := each.strip()) and name.lower() not in _ALLOWED_HEADERS
        ]
        return f"These headers are not allowed: {', '.join(refused)}." if refused else None

    def _allows(self, origin: bytes) -> bool:
        text = origin.decode("latin-1")
        return any(pattern.fullmatch(text) for pattern in self._origins)

    def _allow_origin(self, origin: bytes) -> Header:
        return (b"access-control-allow-origin", b"*" if self._is_open_to_all else origin)

    def _with_headers(self, origin: bytes, send: Send) -> Send:
        headers = [_VARY]
        if origin and self._allows(origin):
            headers += [self._allow_origin(origin), _EXPOSE]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        return send_with_headers


def _is_preflight(scope: Any) -> bool:
    return bool(_origin(scope) and values_of(scope, b"access-control-request-method"))


def _origin(scope: Any) -> bytes:
    """Return the origin of a request. It is empty if the header is missing or repeated."""
    values = values_of(scope, b"origin")
    return values[0] if len(values) == 1 else b""


def _pattern(origin: str) -> re.Pattern[str]:
    """Compile an origin. `*` is any origin. Within an origin, it can be any part of the host."""
    return re.compile(".*" if origin == "*" else re.escape(origin).replace(r"\*", "[^/]*"))
