from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from application.delivery import requeue_stalled
from application.delivery.requeue_stalled import LEASE_SECONDS, Requeued, RequeueStalledOrders
from application.errors import Unavailable
from application.ports.leases import Holder
from application.ports.tasks import StalledPage
from domain.ids import OrderId
from tests.support.service import Service

AFTER = timedelta(seconds=60)
NOTHING = Requeued(added=0, is_last=True)


class Tasks:
    """A `TaskQueue` that ignores repeated orders. If `room` is set, it limits their number.

    If `crashes` is set, the process dies when it adds an order.
    """

    def __init__(self) -> None:
        self.crashes = False
        self.orders: list[OrderId] = []
        self.handed_over: list[OrderId] = []
        self.room: int | None = None

    async def process_order(self, order_id: OrderId) -> bool:
        if self.crashes:
            raise KeyboardInterrupt
        if self.room is not None and len(self.orders) >= self.room:
            raise Unavailable
        self.handed_over.append(order_id)
        if order_id in self.orders:
            return False
        self.orders.append(order_id)
        return True


@dataclass
class Crashing:
    """`UnprocessedOrders` in a process that can crash before it records a hand-over."""

    service: Service
    crashes: bool = False
    visited: list[OrderId | None] = field(default_factory=list)

    async def now(self) -> datetime:
        return await self.service.stored.unprocessed.now()

    async def exist(self) -> bool:
        return await self.service.stored.unprocessed.exist()

    async def stalled(self, cut_off: datetime, after: OrderId | None, limit: int) -> StalledPage:
        self.visited.append(after)
        return await self.service.stored.unprocessed.stalled(cut_off, after, limit)

    async def record_hand_over(self, order_ids: Sequence[OrderId]) -> None:
        if self.crashes:
            raise KeyboardInterrupt
        await self.service.stored.unprocessed.record_hand_over(order_ids)


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


@pytest.fixture
def orders(service: Service) -> Crashing:
    return Crashing(service)


def a_requeuer(
    service: Service, tasks: Tasks, orders: Crashing, holder: str = "one"
) -> RequeueStalledOrders:
    return RequeueStalledOrders(orders, tasks, service.stored.leases, Holder(holder))


@pytest.fixture
def requeue(service: Service, tasks: Tasks, orders: Crashing) -> RequeueStalledOrders:
    return a_requeuer(service, tasks, orders)


async def announced(service: Service, count: int = 1) -> list[OrderId]:
    placed = [(await service.placed()).id for _ in range(count)]
    while await service.relay():
        pass
    return placed


async def stalled(service: Service, count: int = 1) -> list[OrderId]:
    placed = await announced(service, count)
    await service.clock.advance(61)
    return placed


async def test_stalled_order_is_requeued(
    service: Service, tasks: Tasks, requeue: RequeueStalledOrders
) -> None:
    placed = await stalled(service)
    assert await requeue(AFTER) == Requeued(added=1, is_last=True)
    assert tasks.orders == placed


async def test_recently_published_order_is_not_requeued(
    service: Service, requeue: RequeueStalledOrders
) -> None:
    await announced(service)
    await service.clock.advance(59)
    assert await requeue(AFTER) == NOTHING


async def test_processed_order_is_not_requeued(
    service: Service, requeue: RequeueStalledOrders
) -> None:
    [order_id] = await stalled(service)
    await service.process(order_id)
    assert await requeue(AFTER) == NOTHING


async def test_order_is_requeued_again_after_the_same_delay(
    service: Service, tasks: Tasks, requeue: RequeueStalledOrders
) -> None:
    [order_id] = await stalled(service)
    await requeue(AFTER)
    await service.clock.advance(59)
    assert await requeue(AFTER) == NOTHING
    await service.clock.advance(2)
    await requeue(AFTER)
    assert tasks.handed_over == [order_id] * 2


async def test_only_orders_missing_from_the_queue_are_counted(
    service: Service, tasks: Tasks, requeue: RequeueStalledOrders
) -> None:
    known, _ = await stalled(service, 2)
    await tasks.process_order(known)
    assert await requeue(AFTER) == Requeued(added=1, is_last=True)
    assert await requeue(AFTER) == NOTHING


async def test_pass_without_delay_requeues_each_order_once(
    service: Service, tasks: Tasks, requeue: RequeueStalledOrders
) -> None:
    placed = await announced(service)
    await service.clock.advance(1)
    assert await requeue(timedelta()) == Requeued(added=1, is_last=True)
    assert await requeue(timedelta()) == NOTHING
    assert tasks.handed_over == placed


async def test_cut_off_stays_the_same_for_a_whole_pass(
    service: Service, tasks: Tasks, requeue: RequeueStalledOrders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeue_stalled, "PAGE_SIZE", 1)
    old = await stalled(service, 2)
    assert not (await requeue(timedelta(seconds=1))).is_last
    young = await announced(service)
    await service.clock.advance(61)
    while not (await requeue(timedelta(seconds=1))).is_last:
        pass
    assert tasks.orders == old
    await requeue(timedelta(seconds=1))
    assert not set(young) & set(tasks.orders)  # this was only the first page of the next pass
    while not (await requeue(timedelta(seconds=1))).is_last:
        pass
    assert set(young) < set(tasks.orders)


async def test_long_backlog_is_requeued_page_by_page(
    service: Service,
    tasks: Tasks,
    orders: Crashing,
    requeue: RequeueStalledOrders,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requeue_stalled, "PAGE_SIZE", 2)
    placed = await stalled(service, 5)
    pages = [await requeue(AFTER) for _ in range(3)]
    assert [page.added for page in pages] == [2, 2, 1]
    assert [page.is_last for page in pages] == [False, False, True]
    assert tasks.orders == placed
    assert orders.visited == [None, placed[1], placed[3]]


async def test_orders_rejected_by_the_queue_are_requeued_next(
    service: Service, tasks: Tasks, requeue: RequeueStalledOrders
) -> None:
    placed = await stalled(service, 3)
    tasks.room = 1
    assert await requeue(AFTER) == Requeued(added=1, is_last=False)
    with pytest.raises(Unavailable):
        await requeue(AFTER)
    tasks.room = None
    assert await requeue(AFTER) == Requeued(added=2, is_last=True)
    assert tasks.handed_over == placed
    assert await requeue(AFTER) == NOTHING


async def test_crash_before_the_record_costs_no_further_delay(
    service: Service, tasks: Tasks, orders: Crashing, requeue: RequeueStalledOrders
) -> None:
    [order_id] = await stalled(service)
    orders.crashes = True
    with pytest.raises(KeyboardInterrupt):
        await requeue(AFTER)
    orders.crashes = False
    tasks.orders.clear()  # now the queue has lost it, too
    assert await a_requeuer(service, tasks, orders)(AFTER) == Requeued(added=1, is_last=True)
    assert tasks.orders == [order_id]


async def test_crash_during_the_hand_over_costs_no_further_delay(
    service: Service, tasks: Tasks, orders: Crashing, requeue: RequeueStalledOrders
) -> None:
    [order_id] = await stalled(service)
    tasks.crashes = True
    with pytest.raises(KeyboardInterrupt):
        await requeue(AFTER)
    tasks.crashes = False
    assert await a_requeuer(service, tasks, orders)(AFTER) == Requeued(added=1, is_last=True)
    assert tasks.orders == [order_id]


async def test_one_process_at_a_time_requeues(
    service: Service, tasks: Tasks, orders: Crashing, requeue: RequeueStalledOrders
) -> None:
    other = a_requeuer(service, tasks, orders, "two")
    await stalled(service)
    assert (await requeue(AFTER)).added == 1
    await service.clock.advance(LEASE_SECONDS - 1)
    tasks.orders.clear()
    assert await other(timedelta()) == NOTHING
    await service.clock.advance(2)
    assert (await other(timedelta())).added == 1


async def test_lost_lease_stops_the_pass_before_the_next_page(
    service: Service,
    tasks: Tasks,
    orders: Crashing,
    requeue: RequeueStalledOrders,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requeue_stalled, "PAGE_SIZE", 1)
    first, *_ = await stalled(service, 3)
    assert not (await requeue(AFTER)).is_last
    await service.clock.advance(LEASE_SECONDS + 1)  # frozen
    other = a_requeuer(service, tasks, orders, "two")
    assert not (await other(AFTER)).is_last
    assert await requeue(AFTER) == NOTHING
    assert tasks.handed_over == [first]


async def test_released_lease_is_available_at_once(
    service: Service, tasks: Tasks, orders: Crashing, requeue: RequeueStalledOrders
) -> None:
    await requeue(AFTER)
    await requeue.release()
    await stalled(service)
    assert (await a_requeuer(service, tasks, orders, "two")(AFTER)).added == 1
