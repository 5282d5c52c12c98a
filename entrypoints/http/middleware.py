"""The API's outermost layer: request ids, deadlines, common headers, HEAD, metrics and logs."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from logging import DEBUG
from operator import itemgetter
from random import getrandbits
from time import perf_counter
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from application.ports.limits import RateLimitResult
from entrypoints.http.messages.request import given_once
from entrypoints.http.rate_limits import rate_limit_headers, rate_limit_results, tightest
from entrypoints.http.refused_access import record_refused_access
from entrypoints.observability.log_secrets import without_secrets
from entrypoints.observability.logs import current_request_id, log_requests, logger
from entrypoints.observability.metrics.requests import count_request
from libraries.asyncio_tools.per_iteration import PerIteration
from libraries.asyncio_tools.time_budget import (
    STORAGE_DEADLINE_SECONDS,
    TimeBudget,
    storage_deadline,
    time_budget,
)
from libraries.trace_context import current_traceparent

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
#: For responses that aren't pages. If a browser shows one, it loads nothing and can't be framed
#: (OWASP ASVS 5.0.0, 3.4.3 and 3.4.6).
_POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_first: Final = itemgetter(0)
_NO_BODY: Final[Message] = {"type": "http.response.body", "body": b"", "more_body": False}


class RequestMiddleware:
    """Sets the id and the deadlines of each request, and the common headers of each response.

    It also answers HEAD like GET without a body, and it logs and counts every request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        # Log after the last byte, so the client gets its response even if logging fails.
        self._ended = PerIteration[_Exchange](_log)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send, self._ended)
        time_budget.set(TimeBudget())
        storage_deadline.set(asyncio.get_running_loop().time() + STORAGE_DEADLINE_SECONDS)
        current_traceparent.set(exchange.trace)
        # We don't have to reset context variables: servers run each request in its own context.
        current_request_id.set(exchange.request_id.decode())
        await self._app(exchange.scope, receive, exchange.send)


class _Exchange:
    """One request and its response. It is added to `ended` after the last byte."""

    def __init__(self, scope: Any, send: Send, ended: PerIteration["_Exchange"]) -> None:
        self._method = scope["method"]
        self._is_head = self._method == "HEAD"
        # This is a copy because the server must still see HEAD, or else it would send a body.
        self.scope: Any = {**scope, "method": "GET"} if self._is_head else scope
        self._path = scope["path"]
        self._send = send
        self._ended = ended
        self._started = perf_counter()
        self._seconds = 0.0
        self._status = 0
        self._rate_limit_results: list[RateLimitResult] = []
        rate_limit_results.set(self._rate_limit_results)
        headers = given_once(scope)
        self.request_id = _request_id(headers.get(b"x-request-id", b""))
        # A repeated traceparent is invalid (W3C Trace Context, section 3.2).
        self.trace = headers.get(b"traceparent", b"").decode("latin-1")

    async def send(self, message: Message) -> None:
        """Send one message of the response."""
        if message["type"] == "http.response.start":
            self._status = int(message["status"])
            headers = [*message["headers"], _NOSNIFF, (b"x-request-id", self.request_id)]
            if not _has_policy(headers):
                headers.append(_POLICY)
            result = tightest(self._rate_limit_results)
            if result is not None:
                headers += rate_limit_headers(result)
            message["headers"] = headers
        elif not message.get("more_body"):
            await self._end(_NO_BODY if self._is_head else message)
            return
        elif self._is_head:
            return
        await self._send(message)

    async def _end(self, message: Message) -> None:
        self._seconds = seconds = perf_counter() - self._started
        # Count it before the last byte, so a client that has its response finds it in the metrics.
        count_request(self._method, self.scope.get("path_template"), self._status, seconds)
        await self._send(message)
        self._ended.add(self)
        record_refused_access(self.scope)

    @property
    def is_quiet(self) -> bool:
        """Whether the request is only logged at DEBUG: successful reads, and refused overloads."""
        # A line for each request that is refused would make an overload worse.
        is_read = self._status < 400 and self._method in {"GET", "HEAD", "OPTIONS"}
        return is_read or self.scope.get("problem_code") == "overloaded"

    @property
    def event(self) -> dict[str, Any]:
        """The request's log event."""
        return {
            "request_id": self.request_id.decode(),
            "method": self._method,
            # Clients sometimes put a token or an address into the path by mistake.
            "path": self._path if self._status < 400 else without_secrets(self._path),
            "status": self._status,
            "ms": round(self._seconds * 1000, 1),
            **self._details(),
        }

    def _details(self) -> dict[str, Any]:
        """Return the problem's code and cause, and the user's or machine client's id, if any."""
        details = {}
        if code := self.scope.get("problem_code"):
            details["code"] = code
        if cause := self.scope.get("problem_cause"):
            details["cause"] = cause
        if caller := self.scope.get("user"):
            details["client" if caller.account is None else "user"] = caller.actor.id
        return details


def _log(ended: Sequence[_Exchange]) -> None:
    """Log changes and failures at INFO, and the other requests at DEBUG."""
    log_requests([exchange.event for exchange in ended if not exchange.is_quiet])
    if logger.is_enabled_for(DEBUG):
        for exchange in ended:
            if exchange.is_quiet:
                logger.debug("request", **exchange.event)


def _has_policy(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether the response has its own policy, like all pages."""
    return _POLICY[0] in map(_first, headers)


def _request_id(given: bytes) -> bytes:
    # An id is not a secret, so we can use a pseudo-random one and save a system call.
    return given if _REQUEST_ID.fullmatch(given) else b"%032x" % getrandbits(128)
