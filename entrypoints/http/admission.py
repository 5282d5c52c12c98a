"""Admission of a request by its rate limit, concurrent with the read of the request."""

from asyncio import CancelledError
from collections.abc import Awaitable, Sequence
from contextvars import ContextVar
from typing import Final

from application.documents import OrderDocument
from application.errors import RateLimited
from application.ports.limits import RateLimitResult
from application.ports.orders import OrderFilter, OrderPage, OrderReader
from domain.ids import OrderId

_current: Final[ContextVar["Admission | None"]] = ContextVar("admission", default=None)


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
