"""The Redis cache never returns an older revision after a newer one, even if Redis fails."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from adapters.redis.cache import RedisOrderCache
from application.documents import OrderDocument
from application.orders.change_status import ChangeStatusCommand
from application.orders.read_order import ReadOrder
from application.ports.orders import CacheState, OrderReader
from domain.actor import SYSTEM
from domain.ids import OrderId
from libraries.redis_client.errors import RedisUnavailable
from tests.servers.plugin import NewServer
from tests.servers.process import LocalServer
from tests.servers.server import Server
from tests.support.deadlines import LONG
from tests.support.fault_proxy import FaultProxy
from tests.support.orders import PAID, STAFF
from tests.support.redis import ServiceClient, connected, wait_available
from tests.support.service import Service

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

#: How long entries live in these tests, in seconds.
TTL = 3_600.0


class SlowReader:
    """An `OrderReader` that waits for `may_return` before returning an order."""

    def __init__(self, reader: OrderReader) -> None:
        self._reader = reader
        self.has_read = asyncio.Event()
        self.may_return = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    async def find(self, order_id: OrderId) -> OrderDocument | None:
        document = await self._reader.find(order_id)
        self.has_read.set()
        await self.may_return.wait()
        return document


@dataclass
class Process:
    """The use cases with a Redis cache."""

    link: ServiceClient
    cache: RedisOrderCache
    service: Service

    async def read(self, order_id: OrderId) -> int:
        """Read the order while Redis is reachable, and return its revision."""
        await wait_available(self.link)
        found = await self.service.read(order_id, SYSTEM)
        assert found.cache is not CacheState.BYPASS
        return found.document.revision

    async def cached(self) -> OrderId:
        """Place an order and wait until its first revision is cached."""
        order_id = (await self.service.placed()).id
        assert await self.read(order_id) == 1
        assert (await self.service.read(order_id, SYSTEM)).cache is CacheState.HIT
        return order_id

    async def change(self, order_id: OrderId) -> None:
        """Write the second revision."""
        await self.service.change(ChangeStatusCommand(order_id, PAID, STAFF))

    async def execute_offer(self, keys: Sequence[str], args: Sequence[str]) -> None:
        """Send an offer and wait until Redis has executed it."""
        self.cache._offer.send(keys, args)
        for _ in range(2):  # the first reply may be that the script isn't loaded
            await self.link.execute("PING")

    async def evict(self, order_id: OrderId) -> None:
        """Delete all of an order's keys that Redis may evict under `volatile-ttl`."""
        for key in await self.link.execute("KEYS", f"*{order_id}*"):
            if await self.link.execute("PTTL", key) >= 0:
                await self.link.execute("DEL", key)

    @asynccontextmanager
    async def slow_read(self, order_id: OrderId) -> AsyncIterator[None]:
        """Start reading an uncached order. The read ends and fills the cache after the block."""
        slow = SlowReader(self.service.stored.reader)
        read = ReadOrder(self.link.cache(TTL), slow)
        reading = asyncio.create_task(read(order_id, SYSTEM))
        async with asyncio.timeout(LONG):
            await asyncio.wait(
                [reading, has_read := asyncio.create_task(slow.has_read.wait())],
                return_when=asyncio.FIRST_COMPLETED,
            )
            assert has_read.done(), "the order was cached"
            yield
            slow.may_return.set()
            await reading


@asynccontextmanager
async def a_process(url: str) -> AsyncIterator[Process]:
    async with connected(url) as link:
        cache = link.cache(TTL)
        yield Process(link, cache, Service(cache=cache))


@pytest.fixture
def server(new_redis: NewServer) -> Iterator[Server]:
    with new_redis() as server:
        yield server


@pytest.fixture
async def process(server: Server) -> AsyncIterator[Process]:
    async with a_process(server.url) as process:
        yield process


class TestSlowReader:
    """A reader reads the first revision but fills the cache after the second one was written."""

    async def an_order(self, process: Process) -> OrderId:
        order_id = await process.cached()
        await process.evict(order_id)
        return order_id

    async def test_a_fill_after_the_write_is_rejected(self, process: Process) -> None:
        order_id = await self.an_order(process)
        async with process.slow_read(order_id):
            await process.change(order_id)
        assert await process.read(order_id) == 2

    async def test_a_fill_after_the_eviction_of_the_newer_entry_is_rejected(
        self, process: Process
    ) -> None:
        order_id = await self.an_order(process)
        async with process.slow_read(order_id):
            await process.change(order_id)
            await process.evict(order_id)
        assert await process.read(order_id) == 2

    async def test_a_fill_after_the_fill_of_another_reader_is_rejected(
        self, process: Process
    ) -> None:
        order_id = await self.an_order(process)
        async with process.slow_read(order_id):
            await process.change(order_id)
            assert await process.read(order_id) == 2
            await process.evict(order_id)
            await process.service.cache.get(order_id)  # a third reader holds the lease
        assert await process.read(order_id) == 2

    async def test_a_fill_after_a_flush_is_rejected(self, process: Process) -> None:
        order_id = await self.an_order(process)
        async with process.slow_read(order_id):
            await process.change(order_id)
            await process.link.execute("FLUSHALL")
        assert await process.read(order_id) == 2

    async def test_a_fill_after_the_expiry_of_the_newer_entry_is_rejected(
        self, process: Process
    ) -> None:
        order_id = await self.an_order(process)
        async with process.slow_read(order_id):
            await process.change(order_id)
            for key in await process.link.execute("KEYS", f"*order:{order_id}"):
                await process.link.execute("PEXPIRE", key, 1)
            await gone(process.link, f"*order:{order_id}")
        assert await process.read(order_id) == 2


async def gone(link: ServiceClient, pattern: str) -> None:
    async with asyncio.timeout(LONG):
        while await link.execute("KEYS", pattern):  # noqa: ASYNC110 - Redis sets no event
            await asyncio.sleep(0.01)


class TestLateOffer:
    """Redis executes the first revision's offer after the second revision was written."""

    async def late(self, process: Process) -> tuple[OrderId, tuple[Any, ...]]:
        """Return an order and its offer, which hasn't been sent."""
        held: list[tuple[Any, ...]] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(process.cache._offer, "send", lambda *call: held.append(call))
            order_id = (await process.service.placed()).id
        [offer] = held
        return order_id, offer

    async def test_an_offer_in_time_is_a_hit(self, process: Process) -> None:
        order_id, offer = await self.late(process)
        await process.execute_offer(*offer)
        assert (await process.service.read(order_id, SYSTEM)).cache is CacheState.HIT

    async def test_an_offer_after_the_write_is_rejected(self, process: Process) -> None:
        order_id, offer = await self.late(process)
        await process.change(order_id)
        await process.execute_offer(*offer)
        assert await process.read(order_id) == 2

    async def test_an_offer_after_the_eviction_of_the_newer_entry_is_rejected(
        self, process: Process
    ) -> None:
        order_id, offer = await self.late(process)
        await process.change(order_id)
        await process.read(order_id)
        await process.evict(order_id)
        await process.execute_offer(*offer)
        assert await process.read(order_id) == 2

    async def test_an_offer_after_a_flush_is_rejected(self, process: Process) -> None:
        order_id, offer = await self.late(process)
        await process.change(order_id)
        await process.link.execute("FLUSHDB")
        await process.execute_offer(*offer)
        assert await process.read(order_id) == 2

    async def test_an_offer_after_the_eviction_of_recent_revisions_is_rejected(
        self, process: Process
    ) -> None:
        order_id, offer = await self.late(process)
        await process.change(order_id)
        await process.link.execute("DEL", process.link.generation.keys.recent)
        await process.execute_offer(*offer)
        assert await process.read(order_id) == 2
        await process.evict(order_id)
        await wait_for_generation(process)
        await process.cached()

    async def test_an_expired_offer_is_rejected(
        self, process: Process, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Negative because a fast machine would still meet a limit of 0.
        monkeypatch.setattr("adapters.redis.cache._OFFER_SECONDS", -1.0)
        order_id, offer = await self.late(process)
        monkeypatch.undo()
        await process.change(order_id)
        await process.link.execute("ZREM", process.link.generation.keys.recent, str(order_id))
        await process.execute_offer(*offer)
        assert await process.read(order_id) == 2


async def wait_for_generation(process: Process) -> None:
    """Wait until the process has read the current server's generation."""
    async with asyncio.timeout(LONG):
        while not await has_current_generation(process.link):  # noqa: ASYNC110 - Redis sets no event
            await asyncio.sleep(0.02)


async def has_current_generation(link: ServiceClient) -> bool:
    with suppress(RedisUnavailable):
        stored = await link.execute("GET", link.generation.keys.generation) or b""
        info = (await link.execute("INFO", "replication")).decode()
        server = link.generation.current
        assert server is not None
        is_present = f"master_replid:{server.server_id.rpartition('/')[2]}\r\n" in info
        return is_present and stored.decode() == f"{server.name} {server.server_id}"
    return False


class TestOlderData:
    async def test_entries_of_a_restored_older_snapshot_are_not_returned(
        self, server: Server, process: Process, tmp_path: Path
    ) -> None:
        data = data_of(server)
        order_id = await process.cached()
        server.stop()
        shutil.copytree(data, tmp_path / "snapshot")
        server.start()
        await wait_available(process.link)
        await process.change(order_id)
        assert await process.read(order_id) == 2
        server.kill()
        shutil.rmtree(data)
        shutil.copytree(tmp_path / "snapshot", data)
        server.start()
        assert await process.read(order_id) == 2

    async def test_entries_of_a_promoted_lagging_replica_are_not_returned(
        self, server: Server, new_redis: NewServer
    ) -> None:
        async with AsyncExitStack() as stack:
            other = stack.enter_context(new_redis())
            address = stack.enter_context(FaultProxy.to(server.url))
            replication = stack.enter_context(FaultProxy.to(server.url))
            process = await stack.enter_async_context(a_process(address.through(server.url)))
            replica = await stack.enter_async_context(an_operator(other.url))

            order_id = await process.cached()
            await replicate(replica, replication.port)
            replication.silence()
            await process.change(order_id)
            server.kill()
            await replica.execute("REPLICAOF", "NO", "ONE")
            address.redirect(other.url)
            await wait_available(process.link)
            assert await process.read(order_id) == 2

    async def test_entries_of_replicated_older_data_are_not_returned(
        self, server: Server, new_redis: NewServer, process: Process
    ) -> None:
        async with AsyncExitStack() as stack:
            other = stack.enter_context(new_redis())
            older = await stack.enter_async_context(an_operator(other.url))
            this = await stack.enter_async_context(an_operator(server.url))

            order_id = await process.cached()
            await replicate(older, port_of(server.url))
            await older.execute("REPLICAOF", "NO", "ONE")
            await process.change(order_id)
            assert await process.read(order_id) == 2
            await replicate(this, port_of(other.url))
            await this.execute("REPLICAOF", "NO", "ONE")
            await wait_for_generation(process)
            assert await process.read(order_id) == 2

    async def test_commands_executed_after_a_freeze_store_no_older_revision(
        self, server: Server
    ) -> None:
        async with a_process(server.url) as process:
            await process.cached()
            server.pause()
            order_id = (await process.service.placed()).id  # the offer is in the server's socket
            process.link.timeout_seconds = 0.1
            await process.change(order_id)
            server.resume()
            await wait_available(process.link)
            document = await process.service.stored.reader.find(order_id)
            assert document is not None
            # The relay does the same before it marks the event or settles its debts.
            assert await process.service.cache.put(order_id, document)
            assert await process.read(order_id) == 2


class TestGeneration:
    async def test_one_of_many_processes_begins_a_generation_for_a_new_server(
        self, server: Server
    ) -> None:
        async with AsyncExitStack() as stack:
            processes = [await stack.enter_async_context(a_process(server.url)) for _ in range(8)]
            [before] = {generation_of(each) for each in processes}
            server.kill()
            server.start()
            await asyncio.gather(*(wait_available(each.link) for each in processes))
            [after] = {generation_of(each) for each in processes}
            assert after != before

    async def test_entries_stay_valid_after_a_lost_connection(self, server: Server) -> None:
        with FaultProxy.to(server.url) as proxy:
            async with a_process(proxy.through(server.url)) as process:
                order_id = await process.cached()
                proxy.reset()
                await process.read(order_id)
                found = await process.service.read(order_id, SYSTEM)
                assert found.cache is CacheState.HIT

    async def test_after_a_flush_orders_are_cached_again(self, process: Process) -> None:
        order_id = await process.cached()
        await process.link.execute("FLUSHALL")
        assert [(await process.service.read(order_id, SYSTEM)).cache for _ in range(2)] == [
            CacheState.MISS,
            CacheState.HIT,
        ]


def generation_of(process: Process) -> str:
    assert process.link.generation.current is not None
    return process.link.generation.current.name


def data_of(server: Server) -> Path:
    if not isinstance(server, LocalServer):
        pytest.skip("the data of a server in a container are not accessible")
    return server.folder / "data"


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


@asynccontextmanager
async def an_operator(url: str) -> AsyncIterator["Operator"]:
    """Yield a connection that accepts primaries and replicas."""
    operator = Operator(url)
    try:
        yield operator
    finally:
        await operator.close()


class Operator:
    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, protocol=2)

    async def execute(self, *words: Any) -> Any:
        return await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        await self._redis.aclose()


async def replicate(replica: Operator, port: int) -> None:
    """Make one server a replica of the other, and wait until it has the data."""
    await replica.execute("REPLICAOF", "127.0.0.1", port)
    async with asyncio.timeout(LONG):
        while (await replica.execute("INFO", "replication"))["master_link_status"] != "up":  # noqa: ASYNC110 - Redis sets no event
            await asyncio.sleep(0.02)
