"""Cache, rate limits and wakeups on a Redis Cluster, with any node's URL."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest
from redis.exceptions import ResponseError

from adapters.memory.limits import MemoryRateLimiter
from adapters.redis.cache import RedisOrderCache
from adapters.redis.limits import RedisRateLimiter
from adapters.redis.relay_wakeup import RedisRelayWakeup
from application.documents import OrderDocument
from application.ports.limits import Limit
from application.ports.orders import CacheState
from domain.ids import OrderId
from entrypoints.composition.container import make_container
from entrypoints.settings import BadSettings, load_settings
from libraries.redis_client.client import RedisClient
from tests.servers.process import LocalServer
from tests.support.deadlines import LONG
from tests.support.orders import a_user_id, an_order_id
from tests.support.redis import ServiceClient, connected, wait_available
from tests.support.redis_cluster import (
    NODES,
    ClusterNode,
    RedisCluster,
    a_redis_cluster,
    redis_cluster,
)
from tests.support.time import MovableClock

__all__ = ["redis_cluster"]

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

KEY = b"x" * 32
LIMIT = Limit("orders", 3, 3_600)
NODE_NUMBERS = range(NODES)


async def cached(cache: RedisOrderCache) -> OrderId:
    """Cache an order and return its id."""
    order_id = an_order_id()
    missed = await cache.get(order_id)
    assert missed.state is CacheState.MISS
    assert missed.lease is not None
    document = OrderDocument(a_user_id(), 1, 1, is_processed=False, body=b"{}")
    await cache.fill(order_id, document, missed.lease)
    assert (await cache.get(order_id)).state is CacheState.HIT
    return order_id


@pytest.mark.parametrize("node", NODE_NUMBERS)
async def test_orders_are_cached_through_any_node(redis_cluster: RedisCluster, node: int) -> None:
    async with connected(redis_cluster.urls[node]) as client:
        order_id = await cached(client.cache(60))
    async with connected(redis_cluster.urls[(node + 1) % NODES]) as other:
        assert (await other.cache(60).get(order_id)).state is CacheState.HIT


async def test_limits_are_counted_once_for_all_nodes(redis_cluster: RedisCluster) -> None:
    remaining = []
    for url in redis_cluster.urls:
        async with connected(url) as client:
            limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
            remaining.append((await limiter.hit(LIMIT, "alice")).remaining)
    assert remaining == [2, 1, 0]


@pytest.mark.parametrize("node", NODE_NUMBERS)
async def test_a_notification_arrives_from_any_node(redis_cluster: RedisCluster, node: int) -> None:
    async with connected(redis_cluster.url) as here, connected(redis_cluster.urls[node]) as there:
        relay_wakeup = RedisRelayWakeup(here)
        try:
            assert await relay_wakeup.open(LONG)
            await relay_wakeup.wait(0)
            RedisRelayWakeup(there).notify()
            async with asyncio.timeout(LONG):
                await relay_wakeup.wait(10 * LONG)
        finally:
            await relay_wakeup.close()


async def test_a_database_above_0_is_refused_at_the_start(redis_cluster: RedisCluster) -> None:
    url = redis_cluster.url.removesuffix("/0") + "/1"
    container = make_container(load_settings({"REDIS_URL": url}))
    with pytest.raises(BadSettings, match=r"REDIS_URL: .*has database 0 alone; the URL names 1"):
        await container.get(RedisClient)
    await container.close()


@pytest.fixture
def own_cluster(redis_cluster: RedisCluster) -> Iterator[RedisCluster]:  # noqa: ARG001 - skips
    with a_redis_cluster() as cluster:
        yield cluster


def slot_of(cluster: RedisCluster, client: ServiceClient) -> int:
    return int(cluster.command(0, "CLUSTER", "KEYSLOT", client.generation.keys.generation))


async def test_the_client_follows_its_slot_to_another_node(own_cluster: RedisCluster) -> None:
    async with connected(own_cluster.url) as client:
        cache = client.cache(60)
        order_id = await cached(cache)
        owner = own_cluster.nodes.index(own_cluster.owner_of(client.generation.keys.generation))
        target = (owner + 1) % NODES
        slot = slot_of(own_cluster, client)
        target_id = own_cluster.command(target, "CLUSTER", "MYID")
        own_cluster.command(owner, "FLUSHALL")  # a node can't give away a slot that contains keys
        for number in (target, owner, (owner + 2) % NODES):
            own_cluster.command(number, "CLUSTER", "SETSLOT", slot, "NODE", target_id)
        async with asyncio.timeout(LONG):
            while (await cache.get(order_id)).state is not CacheState.MISS:  # noqa: ASYNC110 - Redis sets none
                await asyncio.sleep(0.02)
        await cached(cache)
        assert own_cluster.command(target, "CLUSTER", "COUNTKEYSINSLOT", slot) > 0


async def test_the_client_follows_a_failover_without_the_node_of_its_url(
    own_cluster: RedisCluster,
) -> None:
    replica = LocalServer(ClusterNode())
    try:
        replica.start()
        async with connected(own_cluster.url) as client:
            key = client.generation.keys.generation
        owner = own_cluster.nodes.index(own_cluster.owner_of(key))
        follow(own_cluster, replica, owner)
        async with connected(own_cluster.urls[owner]) as client:
            cache = client.cache(60)
            await cached(cache)
            own_cluster.nodes[owner].kill()
            own_cluster.command(NODES, "CLUSTER", "FAILOVER", "TAKEOVER")
            await wait_available(client)
            await cached(cache)
    finally:
        own_cluster.nodes[NODES:] = []
        replica.close()


def follow(cluster: RedisCluster, replica: LocalServer, owner: int) -> None:
    """Make a new node a replica of another node."""
    cluster.nodes.append(replica)
    port, bus = cluster.nodes[owner]._ports.numbers
    cluster.command(NODES, "CLUSTER", "MEET", "127.0.0.1", port, bus)
    owner_id = cluster.command(owner, "CLUSTER", "MYID")
    repeat_until_done(lambda: cluster.command(NODES, "CLUSTER", "REPLICATE", owner_id))
    repeat_until_done(lambda: has_the_data_of_its_master(cluster))


def has_the_data_of_its_master(cluster: RedisCluster) -> None:
    replication = cluster.command(NODES, "INFO", "replication")
    assert replication["master_link_status"] == "up"


def repeat_until_done(step: Callable[[], object]) -> None:
    """Repeat a step until it succeeds."""
    deadline = time.monotonic() + LONG
    while True:
        try:
            step()
        except (ResponseError, AssertionError):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
