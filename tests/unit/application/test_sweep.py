from datetime import timedelta

import pytest

from application.errors import Unavailable
from application.sweep import BATCH, Sweep
from domain.ids import OrderId
from tests.support.service import Service

AFTER = timedelta(seconds=60)


class Tasks:
    """`TaskQueue` that notes what it was given, and may be out of reach."""

    def __init__(self) -> None:
        self.orders: list[OrderId] = []
        self.reachable = True
        self.queued: set[OrderId] = set()

    async def process_order(self, order_id: OrderId) -> bool:
        if not self.reachable:
            raise Unavailable
        if order_id in self.queued:
            return False
        self.orders.append(order_id)
        return True


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


@pytest.fixture
def sweep(service: Service, tasks: Tasks) -> Sweep:
    return Sweep(service.stored.backlog, tasks, service.clock)


async def an_announced_order(service: Service) -> OrderId:
    placed = await service.placed()
    while await service.relay():
        pass
    return placed.id


async def test_an_order_that_was_forgotten_is_handed_over_again(
    service: Service, tasks: Tasks, sweep: Sweep
) -> None:
    order_id = await an_announced_order(service)
    await service.clock.advance(61)
    assert await sweep(AFTER) == 1
    assert tasks.orders == [order_id]


async def test_an_order_that_may_still_be_on_its_way_is_not(
    service: Service, tasks: Tasks, sweep: Sweep
) -> None:
    await an_announced_order(service)
    await service.clock.advance(59)
    assert await sweep(AFTER) == 0
    assert tasks.orders == []


async def test_an_order_whose_event_waits_for_the_broker_is_not_forgotten(
    service: Service, sweep: Sweep
) -> None:
    await service.placed()
    await service.clock.advance(3600)
    assert await sweep(AFTER) == 0


async def test_an_order_that_was_processed_is_not_forgotten(service: Service, sweep: Sweep) -> None:
    await service.process(await an_announced_order(service))
    await service.clock.advance(3600)
    assert await sweep(AFTER) == 0


async def test_an_order_is_handed_over_again_only_after_as_long_again(
    service: Service, tasks: Tasks, sweep: Sweep
) -> None:
    order_id = await an_announced_order(service)
    await service.clock.advance(61)
    await sweep(AFTER)
    await service.clock.advance(59)
    assert await sweep(AFTER) == 0
    await service.clock.advance(2)
    assert await sweep(AFTER) == 1
    assert tasks.orders == [order_id] * 2


async def test_an_order_that_waits_or_runs_already_is_not_counted(
    service: Service, tasks: Tasks, sweep: Sweep
) -> None:
    tasks.queued.add(await an_announced_order(service))
    await service.clock.advance(61)
    assert await sweep(AFTER) == 0
    assert tasks.orders == []


async def test_one_pass_claims_no_order_twice(service: Service, tasks: Tasks, sweep: Sweep) -> None:
    order_id = await an_announced_order(service)
    await service.clock.advance(1)
    assert await sweep(timedelta()) == 1
    assert tasks.orders == [order_id]


async def test_a_long_backlog_is_handed_over_in_small_batches(
    service: Service, tasks: Tasks, sweep: Sweep
) -> None:
    placed = [(await service.placed()).id for _ in range(BATCH + 1)]
    while await service.relay():
        pass
    await service.clock.advance(61)
    assert [await sweep(AFTER) for _ in range(2)] == [BATCH + 1, 0]
    assert sorted(tasks.orders) == placed


async def test_orders_that_the_queue_did_not_take_come_again(
    service: Service, tasks: Tasks, sweep: Sweep
) -> None:
    order_id = await an_announced_order(service)
    await service.clock.advance(61)
    tasks.reachable = False
    with pytest.raises(Unavailable):
        await sweep(AFTER)
    tasks.reachable = True
    await service.clock.advance(61)
    assert await sweep(AFTER) == 1
    assert tasks.orders == [order_id]
