"""Rate limits of a request: its admission, the recorded results, and the headers of its response.

Three headers are from draft-ietf-httpapi-ratelimit-headers-06, which most clients support, and two
structured fields (RFC 9651) from draft-ietf-httpapi-ratelimit-headers-11, which replace them.
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
#: The results of the current request so far; None outside of a request.
rate_limit_results: Final[ContextVar[list[RateLimitResult] | None]] = ContextVar(
    "rate_limit_results", default=None
)


class Admission:
    """One hit of a rate limit, whose command has already been sent.

    As a context manager it lets a read run concurrently with the hit. Its exit waits for the hit
    and raises `RateLimited` in place of any error of the read. Within the block the storage waits
    for the hit (`AdmittedOrderReader`), so a refused request costs no query.
    """

    __slots__ = ("_hit", "_refusal")

    def __init__(self, hit: Awaitable[RateLimitResult] | None) -> None:
        self._hit = hit  # None: there is no limit, or its result has arrived
        self._refusal: RateLimited | None = None

    async def require(self) -> None:
        """Wait for the hit. May be called again, but not concurrently.

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
        """Make the storage wait for the hit."""
        _current.set(self)

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Wait for the hit, also after a cancellation: its reply must be retrieved.

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
    """`OrderReader` that waits for the admission of the current request, if there is one."""

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
    """`RateLimiter` that adds the result of each hit to the results of the current request."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    def hit(self, limit: Limit, key: str) -> Awaitable[RateLimitResult]:
        """Count one request of `key`, and record the result."""
        return _recorded(self._limiter.hit(limit, key))

    async def refund(self, limit: Limit, key: str) -> None:
        """Uncount one request that `hit` allowed."""
        await self._limiter.refund(limit, key)


async def _recorded(hit: Awaitable[RateLimitResult]) -> RateLimitResult:
    result = await hit
    results = rate_limit_results.get()
    if results is not None:
        results.append(result)
    return result


def tightest(results: Iterable[RateLimitResult]) -> RateLimitResult | None:
    """Return the result with the fewest requests left; among equal ones, the latest reset."""
    return min(results, key=lambda each: (each.remaining, -each.reset), default=None)


def rate_limit_headers(result: RateLimitResult) -> tuple[Header, ...]:
    """Return the headers. Times are in seconds until the whole limit is available again."""
    count, policy, name = _of_limit(result.limit)
    remaining, reset = b"%d" % result.remaining, b"%d" % result.reset
    return (
        count,
        (b"ratelimit-remaining", remaining),
        (b"ratelimit-reset", reset),
        policy,
        (b"ratelimit", b"%b;r=%b;t=%b" % (name, remaining, reset)),
    )


@cache  # the limits are a handful of settings
def _of_limit(limit: Limit) -> tuple[Header, Header, bytes]:
    """Return the constant parts: the count, the policy and the policy's name."""
    count, name = b"%d" % limit.count, b'"%b"' % limit.name.encode()
    policy = b"%b;q=%b;w=%d" % (name, count, limit.period)
    return (b"ratelimit-limit", count), (b"ratelimit-policy", policy), name
