"""Reading concurrently with the rate limit hit.

A refusal wins, and does not cost the storage a query.
"""

import asyncio
from collections.abc import Awaitable, Sequence

import pytest

from application.documents import OrderDocument
from application.errors import RateLimited
from application.ports.limits import Limit, RateLimitResult
from application.ports.orders import OrderFilter, OrderPage
from domain.errors import OrderNotFound
from domain.ids import OrderId
from entrypoints.http.rate_limits import Admission, AdmittedOrderReader
from tests.support.orders import a_user_id, an_order_id

LIMIT = Limit("default", 1, 60)
ALLOWED = RateLimitResult(LIMIT, allowed=True, remaining=0, reset=60, retry_after=0)
REFUSED = RateLimitResult(LIMIT, allowed=False, remaining=0, reset=60, retry_after=7)
ORDER_ID = an_order_id()
DOCUMENT = OrderDocument(a_user_id(), 1, 1, is_processed=False, body=b"{}")


async def hit(result: RateLimitResult) -> RateLimitResult:
    await asyncio.sleep(0)
    return result


class Storage:
    """An `OrderReader` that counts its queries."""

    def __init__(self) -> None:
        self.queries = 0

    async def find(self, _: OrderId) -> OrderDocument | None:
        self.queries += 1
        return DOCUMENT

    async def find_many(self, order_ids: Sequence[OrderId]) -> dict[OrderId, OrderDocument]:
        return dict.fromkeys(order_ids, DOCUMENT)

    async def revision(self, _: OrderId) -> int | None:
        self.queries += 1
        return 1

    async def page(self, _: OrderFilter, __: OrderId | None, ___: int) -> OrderPage:
        return OrderPage([DOCUMENT], None)


async def test_an_admitted_read_returns() -> None:
    async with Admission(hit(ALLOWED)):
        found = await AdmittedOrderReader(Storage()).find(ORDER_ID)
    assert found == DOCUMENT


async def test_without_a_limit_every_read_is_admitted() -> None:
    async with Admission(None):
        assert await AdmittedOrderReader(Storage()).revision(ORDER_ID) == 1


async def test_the_read_begins_before_the_result_of_the_hit() -> None:
    result: asyncio.Future[RateLimitResult] = asyncio.get_running_loop().create_future()
    async with Admission(result):
        result.set_result(ALLOWED)  # never reached if entering the block waits for the hit


async def test_a_refusal_wins_over_the_result_of_the_read() -> None:
    with pytest.raises(RateLimited, match="7 s"):
        async with Admission(hit(REFUSED)):
            pass


async def test_a_refusal_wins_over_an_error_of_the_read() -> None:
    with pytest.raises(RateLimited):
        async with Admission(hit(REFUSED)):
            raise OrderNotFound


async def test_an_error_of_an_admitted_read_is_raised() -> None:
    with pytest.raises(OrderNotFound):
        async with Admission(hit(ALLOWED)):
            raise OrderNotFound


@pytest.mark.parametrize("method", ["find", "revision"])
async def test_a_refused_read_costs_no_query(method: str) -> None:
    storage = Storage()
    with pytest.raises(RateLimited):
        async with Admission(hit(REFUSED)):
            await getattr(AdmittedOrderReader(storage), method)(ORDER_ID)
    assert storage.queries == 0


async def test_outside_of_an_admission_the_storage_is_read_immediately() -> None:
    reader = AdmittedOrderReader(Storage())
    async with Admission(hit(ALLOWED)):
        pass
    assert await reader.find(ORDER_ID) == DOCUMENT
    assert await reader.revision(ORDER_ID) == 1
    assert await reader.find_many([ORDER_ID]) == {ORDER_ID: DOCUMENT}
    assert (await reader.page(OrderFilter(), None, 1)).orders == [DOCUMENT]


@pytest.mark.parametrize("result", [ALLOWED, REFUSED])
async def test_a_canceled_read_stays_canceled_and_its_hit_is_retrieved(
    result: RateLimitResult,
) -> None:
    retrieved: list[RateLimitResult] = []

    async def recorded(hit: Awaitable[RateLimitResult]) -> RateLimitResult:
        retrieved.append(await hit)
        return retrieved[-1]

    async def read() -> None:
        async with Admission(recorded(hit(result))):
            await asyncio.Event().wait()

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert retrieved == [result]


async def test_the_admissions_of_two_requests_are_independent() -> None:
    storage = Storage()

    async def read(result: RateLimitResult) -> OrderDocument | None:
        async with Admission(hit(result)):
            return await AdmittedOrderReader(storage).find(ORDER_ID)

    found, refused = await asyncio.gather(read(ALLOWED), read(REFUSED), return_exceptions=True)
    assert found == DOCUMENT
    assert isinstance(refused, RateLimited)
    assert storage.queries == 1
