"""Test the task queue on a real Redis Cluster. Its keys share a slot, and nodes can restart."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from adapters.taskiq.queue import PROCESS_ORDER, TaskiqQueue
from adapters.taskiq.retry_policy import ProcessingRetryPolicy
from application.errors import ProcessingFailed, QueueUnavailable
from domain.ids import OrderId
from libraries.task_stream.broker import RedisStreamBroker
from tests.support.deadlines import LONG
from tests.support.orders import an_order_id
from tests.support.redis_cluster import RedisCluster, redis_cluster  # noqa: F401 - a fixture
from tests.support.worker import work

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


class Shop:
    """Count runs. Every order fails once."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.done: set[str] = set()

    async def process(self, order_id: str) -> None:
        self.runs[order_id] += 1
        if self.runs[order_id] == 1:
            raise ProcessingFailed
        self.done.add(order_id)

    async def has_done(self, orders: list[OrderId]) -> None:
        async with asyncio.timeout(LONG):
            while not self.done >= set(map(str, orders)):  # noqa: ASYNC110 - it sets no event
                await asyncio.sleep(0.02)


def a_broker(url: str, prefix: str, shop: Shop) -> RedisStreamBroker:
    policy = ProcessingRetryPolicy(backoff=lambda _: 0.01, outage_delay_seconds=0.01)
    broker = RedisStreamBroker(url, prefix, policy, dead_after_seconds=10 * LONG)

    async def process_order_task(order_id: str) -> None:
        await shop.process(order_id)

    broker.register_task(process_order_task, task_name=PROCESS_ORDER)
    return broker


@asynccontextmanager
async def running(broker: RedisStreamBroker) -> AsyncIterator[TaskiqQueue]:
    stop = asyncio.Event()
    worker = asyncio.create_task(work(broker, stop, max_running=10, drain_seconds=LONG))
    try:
        yield TaskiqQueue(broker)
    finally:
        stop.set()
        await worker


async def enqueue(queue: TaskiqQueue, order_id: OrderId) -> None:
    async with asyncio.timeout(LONG):
        while True:
            try:
                await queue.process_order(order_id)
            except QueueUnavailable:
                await asyncio.sleep(0.1)
            else:
                return


@pytest.mark.parametrize("node", [0, 1, 2])
async def test_every_task_runs_with_the_url_of_any_node(
    redis_cluster: RedisCluster,  # noqa: F811 - a fixture
    node: int,
) -> None:
    shop, prefix, orders = Shop(), f"{uuid4().hex}:", [an_order_id() for _ in range(30)]
    async with running(a_broker(redis_cluster.urls[node], prefix, shop)) as queue:
        for order_id in orders:
            assert await queue.process_order(order_id)
        await shop.has_done(orders)
    assert set(shop.runs.values()) == {2}


async def test_tasks_run_again_after_a_restart_of_the_node(
    redis_cluster: RedisCluster,  # noqa: F811 - a fixture
) -> None:
    shop, prefix = Shop(), f"{uuid4().hex}:"
    before, after = ([an_order_id() for _ in range(10)] for _ in range(2))
    async with running(a_broker(redis_cluster.url, prefix, shop)) as queue:
        for order_id in before:
            await queue.process_order(order_id)
        await shop.has_done(before)
        node = redis_cluster.owner_of(f"{prefix}{{tasks}}")
        await asyncio.to_thread(node.stop)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(node.start)
        for order_id in after:
            await enqueue(queue, order_id)
        await shop.has_done(after)
