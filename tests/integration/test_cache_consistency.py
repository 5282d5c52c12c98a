"""The cache in Redis never goes back, whatever becomes of Redis between a write and a read."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

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

#: Seconds for which the caches of these tests keep an order.
TTL = 3_600.0


class SlowReader:
    """`OrderReader` that has read an order, and returns it when `may_return` is set."""

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
    """The use cases over a cache in Redis."""

    link: ServiceClient
    service: Service

    async def read(self, order_id: OrderId) -> int:
        """Return the revision that a reader is shown, with Redis in reach."""
        await wait_available(self.link)
        found = await self.service.read(order_id, SYSTEM)
        assert found.cache is not CacheState.BYPASS
        return found.document.revision

    async def cached(self) -> OrderId:
        """Place an order, and have it cached in its first revision."""
        order_id = (await self.service.placed()).id
        assert await self.read(order_id) == 1
        assert (await self.service.read(order_id, SYSTEM)).cache is CacheState.HIT
        return order_id

    async def change(self, order_id: OrderId) -> None:
        """Write the second revision."""
        await self.service.change(ChangeStatusCommand(order_id, PAID, STAFF))

    async def evict(self, order_id: OrderId) -> None:
        """Delete everything of an order that Redis may evict under `volatile-ttl`."""
        for key in await self.link.execute("KEYS", f"*{order_id}*"):
            if await self.link.execute("PTTL", key) >= 0:
                await self.link.execute("DEL", key)

    @asynccontextmanager
    async def slow_read(self, order_id: OrderId) -> AsyncIterator[None]:
        """Begin to read an order that is not cached; end, and fill, after the block."""
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
        yield Process(link, Service(cache=link.cache(TTL)))


@pytest.fixture
def server(new_redis: NewServer) -> Iterator[Server]:
    with new_redis() as server:
        yield server


@pytest.fixture
async def process(server: Server) -> AsyncIterator[Process]:
    async with a_process(server.url) as process:
        yield process


class TestSlowReader:
    """A reader has read the first revision; the second is written before it fills."""

    async def an_order(self, process: Process) -> OrderId:
        order_id = await process.cached()
        await process.evict(order_id)
        return order_id

    async def test_that_comes_after_the_write(self, process: Process) -> None:
        order_id = await self.an_order(process)
        async with process.slow_read(order_id):
            await process.change(order_id)
        assert await process.read(order_id) == 2

    async def test_and_the_newer_entry_is_evicted(self, process: Process) -> None:
        order_id = await self.an_order(process)
        async with process.slow_read(order_id):
            await process.change(order_id)
            await process.evict(order_id)
        assert await process.read(order_id) == 2

    async def test_and_another_reader_has_filled_meanwhile(self, process: Process) -> None:
        order_id = await self.an_order(process)
        async with process.slow_read(order_id):
            await process.change(order_id)
            assert await process.read(order_id) == 2
            await process.evict(order_id)
            await process.service.cache.get(order_id)  # a third one holds the lease
        assert await process.read(order_id) == 2

    async def test_and_redis_is_flushed(self, process: Process) -> None:
        order_id = await self.an_order(process)
        async with process.slow_read(order_id):
            await process.change(order_id)
            await process.link.execute("FLUSHALL")
        assert await process.read(order_id) == 2

    async def test_and_the_newer_entry_expires(self, process: Process) -> None:
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
    """The first revision is offered, and Redis executes that after the second was written."""

    async def late(self, process: Process) -> tuple[OrderId, tuple[Any, ...]]:
        """Return an order whose offer is still under way, and the offer's command."""
        await process.cached()  # Redis knows the script
        held: list[tuple[Any, ...]] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(process.link, "try_submit", lambda *words: held.append(words))
            order_id = (await process.service.placed()).id
        [offer] = held
        return order_id, offer

    async def test_an_offer_in_time_is_a_hit(self, process: Process) -> None:
        order_id, offer = await self.late(process)
        await process.link.execute(*offer)
        assert (await process.service.read(order_id, SYSTEM)).cache is CacheState.HIT

    async def test_after_the_write(self, process: Process) -> None:
        order_id, offer = await self.late(process)
        await process.change(order_id)
        await process.link.execute(*offer)
        assert await process.read(order_id) == 2

    async def test_after_the_newer_entry_was_evicted(self, process: Process) -> None:
        order_id, offer = await self.late(process)
        await process.change(order_id)
        await process.read(order_id)
        await process.evict(order_id)
        await process.link.execute(*offer)
        assert await process.read(order_id) == 2

    async def test_after_a_flush(self, process: Process) -> None:
        order_id, offer = await self.late(process)
        await process.change(order_id)
        await process.link.execute("FLUSHDB")
        await process.link.execute(*offer)
        assert await process.read(order_id) == 2

    async def test_after_the_notes_of_newer_revisions_were_evicted(self, process: Process) -> None:
        order_id, offer = await self.late(process)
        await process.change(order_id)
        await process.link.execute("DEL", process.link.generation.keys.recent)
        await process.link.execute(*offer)
        assert await process.read(order_id) == 2
        await process.evict(order_id)
        await reached_generation(process)
        await process.cached()

    async def test_so_late_that_the_newer_revision_is_not_noted_any_more(
        self, process: Process, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Milliseconds are rounded: with 0 seconds, a fast machine would be in time.
        monkeypatch.setattr("adapters.redis.cache._OFFER_SECONDS", -1.0)
        held: list[tuple[Any, ...]] = []
        monkeypatch.setattr(process.link, "try_submit", lambda *words: held.append(words))
        order_id = (await process.service.placed()).id
        monkeypatch.undo()
        [(_, _, *offer)] = held
        await process.change(order_id)
        await process.link.execute("ZREM", process.link.generation.keys.recent, str(order_id))
        await process.link.execute("EVAL", process.service.cache._offer._source, *offer)  # type: ignore[attr-defined]
        assert await process.read(order_id) == 2


async def reached_generation(process: Process) -> None:
    """Return when the process knows the generation that was begun for the server as it is now."""
    async with asyncio.timeout(LONG):
        while not await knows_the_generation(process.link):  # noqa: ASYNC110 - Redis sets no event
            await asyncio.sleep(0.02)


async def knows_the_generation(link: ServiceClient) -> bool:
    with suppress(RedisUnavailable):
        stored = await link.execute("GET", link.generation.keys.generation) or b""
        info = (await link.execute("INFO", "replication")).decode()
        known = link.generation.current
        assert known is not None
        is_present = f"master_replid:{known.server_id.rpartition('/')[2]}\r\n" in info
        return is_present and stored.decode() == f"{known.name} {known.server_id}"
    return False


class TestOlderData:
    async def test_redis_is_restored_from_an_older_snapshot(
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

    async def test_a_replica_that_lagged_is_promoted(
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

    async def test_the_server_takes_over_the_data_of_another_one_without_a_disconnection(
        self, server: Server, new_redis: NewServer, process: Process
    ) -> None:
        async with AsyncExitStack() as stack:
            other = stack.enter_context(new_redis())
            older = await stack.enter_async_context(an_operator(other.url))
            here = await stack.enter_async_context(an_operator(server.url))

            order_id = await process.cached()
            await replicate(older, port_of(server.url))
            await older.execute("REPLICAOF", "NO", "ONE")
            await process.change(order_id)
            assert await process.read(order_id) == 2
            await replicate(here, port_of(other.url))
            await here.execute("REPLICAOF", "NO", "ONE")
            await reached_generation(process)
            assert await process.read(order_id) == 2

    async def test_a_frozen_redis_executes_on_its_return_what_it_had_been_sent(
        self, server: Server
    ) -> None:
        async with a_process(server.url) as process:
            await process.cached()
            server.pause()
            order_id = (await process.service.placed()).id  # the offer lies in its socket
            process.link._timeout_seconds = 0.1
            await process.change(order_id)
            server.resume()
            await wait_available(process.link)
            document = await process.service.stored.reader.find(order_id)
            assert document is not None
            # As the relay does, before it marks the event, or pays what it owes.
            assert await process.service.cache.put(order_id, document)
            assert await process.read(order_id) == 2


class TestGeneration:
    async def test_of_many_processes_that_find_a_new_server_one_begins_a_generation(
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

    async def test_a_connection_that_is_lost_leaves_the_entries_reachable(
        self, server: Server
    ) -> None:
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
        pytest.skip("the data of a server in a container are out of reach")
    return server.folder / "data"


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


@asynccontextmanager
async def an_operator(url: str) -> AsyncIterator["Operator"]:
    """A connection that does not mind which role the server has."""
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
    """Make a server the replica of another one, and return when it has its data."""
    await replica.execute("REPLICAOF", "127.0.0.1", port)
    async with asyncio.timeout(LONG):
        while (await replica.execute("INFO", "replication"))["master_link_status"] != "up":  # noqa: ASYNC110 - Redis sets no event
            await asyncio.sleep(0.02)
