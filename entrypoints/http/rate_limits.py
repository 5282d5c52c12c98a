"""A request's rate limits: its admission, the recorded results, and the response headers.

Three headers are from draft-ietf-httpapi-ratelimit-headers-06, which most clients support. Two
structured fields (RFC 9651) are from draft-ietf-httpapi-ratelimit-headers-11, which replaces them.
"""

from asyncio import CancelledError
from collections.abc import Awaitable, Iterable, Sequence
from contextvars import ContextVar
from functools import cache
from typing import Final

from application.documents import OrderDocument
from application.errors import RateLimited
from application.ports.limits import Limit, RateLimiter, RateLimitResult
from application.ports.orders import OrderFilter, OrderPage, OrderReader
from domain.ids import OrderId
from entrypoints.http.responses.raw_response import Header

_current: Final[ContextVar["Admission | None"]] = ContextVar("admission", default=None)
#: The current request's results so far. None outside a request.
rate_limit_results: Final[ContextVar[list[RateLimitResult] | None]] = ContextVar(
    "rate_limit_results", default=None
)


class Admission:
    """A hit on a rate limit that is already on its way.

    Use it as a context manager to read something concurrently. The end of the block waits for the
    hit, and raises `RateLimited` in place of any error from the read. Inside the block, the storage
    waits for the hit (see `AdmittedOrderReader`), so refused requests never cause a query.
    """

    __slots__ = ("_hit", "_refusal")

    def __init__(self, hit: Awaitable[RateLimitResult] | None) -> None:
        self._hit = hit  # None if there is no limit, or once its result has arrived
        self._refusal: RateLimited | None = None

    async def require(self) -> None:
        """Wait for the hit. This may be called several times, but not concurrently.

        Raises:
            RateLimited: the limit refuses the request.
        """
        hit, self._hit = self._hit, None
        if hit is not None:
            result = await hit
            if not result.allowed:
                self._refusal = RateLimited(result.retry_after)
        if self._refusal is not None:
            raise self._refusal

    async def __aenter__(self) -> None:
        """Make the storage wait for the hit from now on."""
        _current.set(self)

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Wait for the hit, even after a cancellation, because its reply must be retrieved.

        Raises:
            RateLimited: the limit refuses the request.
        """
        _current.set(None)
        try:
            await self.require()
        except RateLimited:
            if not isinstance(error, CancelledError):
                raise


class AdmittedOrderReader:
    """An `OrderReader` that first waits for the current request's admission, if there is one."""

    def __init__(self, reader: OrderReader) -> None:
        self._reader = reader

    async def find(self, order_id: OrderId) -> OrderDocument | None:
        """Return the order, or None.

        Raises:
            RateLimited: the limit refuses the request.
        """
        await _require_admission()
        return await self._reader.find(order_id)

    async def find_many(self, order_ids: Sequence[OrderId]) -> dict[OrderId, OrderDocument]:
        """Return the orders that exist."""
        return await self._reader.find_many(order_ids)

    async def revision(self, order_id: OrderId) -> int | None:
        """Return the order's revision, or None.

        Raises:
            RateLimited: the limit refuses the request.
        """
        await _require_admission()
        return await self._reader.revision(order_id)

    async def page(self, wanted: OrderFilter, after: OrderId | None, limit: int) -> OrderPage:
        """Return at most `limit` orders after the order `after`."""
        return await self._reader.page(wanted, after, limit)


async def _require_admission() -> None:
    admission = _current.get()
    if admission is not None:
        await admission.require()


class RecordedRateLimiter:
    """A `RateLimiter` that adds the result of each hit to the current request's results."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    def hit(self, limit: Limit, key: str) -> Awaitable[RateLimitResult]:
        """Count a request by `key` and record the result."""
        return _recorded(self._limiter.hit(limit, key))

    async def refund(self, limit: Limit, key: str) -> None:
        """Take back a request that `hit` has allowed."""
        await self._limiter.refund(limit, key)


async def _recorded(hit: Awaitable[RateLimitResult]) -> RateLimitResult:
    result = await hit
    results = rate_limit_results.get()
    if results is not None:
        results.append(result)
    return result


def tightest(results: Iterable[RateLimitResult]) -> RateLimitResult | None:
    """Return the result with the fewest requests left, and with the latest reset if tied."""
    return min(results, key=lambda each: (each.remaining, -each.reset), default=None)


def rate_limit_headers(result: RateLimitResult) -> tuple[Header, ...]:
    """Return the headers. Times are the seconds until the whole limit is available again."""
    count, policy, name = _of_limit(result.limit)
    remaining, reset = b"%d" % result.remaining, b"%d" % result.reset
    return (
        count,
        (b"ratelimit-remaining", remaining),
        (b"ratelimit-reset", reset),
        policy,
        (b"ratelimit", b"%b;r=%b;t=%b" % (name, remaining, reset)),
    )


@cache  # there are only a handful of limits
def _of_limit(limit: Limit) -> tuple[Header, Header, bytes]:
    """Return the parts that never change: the count, the policy and the policy's name."""
    count, name = b"%d" % limit.count, b'"%b"' % limit.name.encode()
    policy = b"%b;q=%b;w=%d" % (name, count, limit.period)
    return (b"ratelimit-limit", count), (b"ratelimit-policy", policy), name
