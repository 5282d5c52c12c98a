"""Test the Redis client with a server that is stopped, slow, empty, or the wrong one."""

import asyncio
import select
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from socket import AF_INET
from urllib.parse import urlsplit

import pytest
import uvloop
from hiredis import Reader

from adapters.memory.limits import MemoryRateLimiter
from adapters.redis.cache import RedisOrderCache
from adapters.redis.eviction import eviction_warning
from adapters.redis.limits import RedisRateLimiter
from adapters.redis.relay_wakeup import RedisRelayWakeup
from application.documents import OrderDocument
from application.ports.limits import Limit
from application.ports.orders import CacheAnswer, CacheState
from domain.ids import OrderId
from libraries.asyncio_tools.time_budget import AUXILIARY_BUDGET_SECONDS, TimeBudget, time_budget
from libraries.redis_client import multiplexed_connection
from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable
from tests.servers.plugin import NewServer
from tests.servers.server import Server
from tests.support.deadlines import LONG
from tests.support.orders import a_user_id, an_order_id
from tests.support.redis import ServiceClient, wait_available
from tests.support.time import MovableClock

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

#: In seconds. Longer than any test waits.
FOR_EVER = 10 * LONG
#: So many calls that waiting for each in turn would exceed a test's time limit.
MANY = round(2 * LONG / AUXILIARY_BUDGET_SECONDS)

LIMIT = Limit("orders", 3, 6)
BYPASS = CacheAnswer(CacheState.BYPASS)


def a_document(revision: int) -> OrderDocument:
    return OrderDocument(a_user_id(), 1, revision, is_processed=False, body=b"{}")


async def fill(cache: RedisOrderCache, order_id: OrderId, document: OrderDocument) -> None:
    """Fill the cache after a MISS, like a reader."""
    missed = await cache.get(order_id)
    assert missed.lease is not None
    await cache.fill(order_id, document, missed.lease)


@asynccontextmanager
async def opened(url: str, timeout_seconds: float = FOR_EVER) -> AsyncIterator[ServiceClient]:
    """Yield a client for any server. Its timeout is long unless the test is about timeouts."""
    client = ServiceClient(url, timeout_seconds=timeout_seconds)
    await client.open()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def connected(url: str, timeout_seconds: float = FOR_EVER) -> AsyncIterator[ServiceClient]:
    """Yield a client for a server that responds."""
    async with opened(url, timeout_seconds) as client:
        await wait_available(client)
        yield client


async def is_refused(work: Awaitable[object]) -> None:
    """Check that `work` raises RedisUnavailable."""
    async with asyncio.timeout(LONG):
        with pytest.raises(RedisUnavailable):
            await work


def is_refused_at_once(client: ServiceClient) -> None:
    """Check that the circuit breaker is open, which means that calls fail without waiting."""
    with pytest.raises(RedisUnavailable):
        client.execute("PING").send(None)


@contextmanager
def request_with_budget(seconds: float = AUXILIARY_BUDGET_SECONDS) -> Iterator[TimeBudget]:
    result = TimeBudget(seconds)
    token = time_budget.set(result)
    try:
        yield result
    finally:
        time_budget.reset(token)


@pytest.fixture
def server(new_redis: NewServer) -> Iterator[Server]:
    with new_redis() as server:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[ServiceClient]:
    async with connected(server.url) as client:
        yield client


@pytest.fixture
def without_repeated_handshakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep calls from waiting for handshakes, and handshake replies from mixing with others."""
    monkeypatch.setattr("libraries.redis_client.reconnector._REFRESH_AFTER_SECONDS", FOR_EVER)
    monkeypatch.setattr("libraries.redis_client.reconnector._EXPIRES_AFTER_SECONDS", FOR_EVER)


@pytest.fixture
async def short_client(
    server: Server,
    without_repeated_handshakes: None,  # noqa: ARG001 - for its effect
) -> AsyncIterator[ServiceClient]:
    """A client with the service's own timeout."""
    async with connected(server.url, AUXILIARY_BUDGET_SECONDS) as client:
        yield client


class TestFrozenServer:
    async def test_the_first_call_times_out_and_the_next_fails_at_once(
        self, server: Server, short_client: ServiceClient
    ) -> None:
        server.pause()
        await is_refused(short_client.execute("PING"))
        is_refused_at_once(short_client)

    async def test_concurrent_calls_time_out_together(
        self, server: Server, short_client: ServiceClient
    ) -> None:
        server.pause()
        async with asyncio.timeout(LONG):
            answers = await asyncio.gather(
                *(short_client.execute("GET", str(n)) for n in range(MANY)), return_exceptions=True
            )
        assert {type(answer) for answer in answers} == {RedisUnavailable}

    async def test_all_calls_of_a_request_share_its_budget(
        self, server: Server, client: ServiceClient
    ) -> None:
        cache = client.cache(60)
        limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
        server.pause()
        async with asyncio.timeout(LONG):
            with request_with_budget() as result:
                assert (await limiter.hit(LIMIT, "alice")).remaining == 2
                assert result.left == 0
                assert await cache.get(an_order_id()) == BYPASS
                assert not await cache.put(an_order_id(), a_document(1))
                await limiter.refund(LIMIT, "alice")
        assert client.is_available  # running out of a small budget doesn't close the connection

    async def test_the_circuit_closes_again(
        self, server: Server, short_client: ServiceClient
    ) -> None:
        server.pause()
        await is_refused(short_client.execute("PING"))
        await asyncio.sleep(1)
        assert not short_client.is_available
        server.resume()
        await wait_available(short_client)

    async def test_a_connection_without_awaited_replies_is_closed_too(
        self, server: Server, client: ServiceClient
    ) -> None:
        server.pause()
        async with asyncio.timeout(LONG):
            while client.is_available:
                client.send("SET", "key", bytes(200_000))
                await asyncio.sleep(0.05)
        server.resume()
        await wait_available(client)

    async def test_a_client_that_starts_during_the_freeze_connects_later(
        self, server: Server
    ) -> None:
        server.pause()
        async with opened(server.url, AUXILIARY_BUDGET_SECONDS) as client:
            is_refused_at_once(client)
            server.resume()
            await wait_available(client)


class TestStoppedServer:
    async def test_calls_fail_at_once_and_the_circuit_closes_again(
        self, server: Server, client: ServiceClient
    ) -> None:
        server.stop()
        await is_refused(client.execute("PING"))
        is_refused_at_once(client)
        server.start()
        await wait_available(client)

    async def test_scripts_are_sent_again_to_an_empty_server(
        self, server: Server, client: ServiceClient
    ) -> None:
        cache = client.cache(60)
        limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
        order_id, document = an_order_id(), a_document(1)
        for _ in range(2):
            missed = await cache.get(order_id)
            assert missed.lease is not None
            await cache.fill(order_id, document, missed.lease)
            assert (await cache.get(order_id)).document == document
            assert (await limiter.hit(LIMIT, "alice")).remaining == 2
            server.kill()
            server.start(empty=True)
            await wait_available(client)

    async def test_limits_are_counted_in_this_process_during_the_outage(
        self, server: Server, client: ServiceClient
    ) -> None:
        limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
        server.stop()
        assert [(await limiter.hit(LIMIT, "alice")).allowed for _ in range(4)] == [
            True,
            True,
            True,
            False,
        ]
        await limiter.refund(LIMIT, "alice")
        assert (await limiter.hit(LIMIT, "alice")).allowed

    async def test_the_first_call_opens_the_client(self, server: Server) -> None:
        client = ServiceClient(server.url, timeout_seconds=FOR_EVER)
        try:
            await client.execute("PING")
        finally:
            await client.close()
        await is_refused(client.execute("PING"))


class TestWrongServer:
    async def test_the_connection_to_a_server_that_becomes_a_replica_is_closed(
        self, server: Server, client: ServiceClient
    ) -> None:
        cache = client.cache(60)
        async with connected(server.url) as operator:
            await operator.execute("REPLICAOF", "localhost", "1")
            assert not await cache.put(an_order_id(), a_document(1))
            assert not client.is_available
            await operator.execute("REPLICAOF", "NO", "ONE")
        await wait_available(client)
        assert await cache.put(an_order_id(), a_document(1))

    async def test_a_writable_replica_is_not_used(
        self, server: Server, client: ServiceClient
    ) -> None:
        await client.execute("CONFIG", "SET", "replica-read-only", "no")
        await client.execute("REPLICAOF", "localhost", "1")
        async with opened(server.url) as other:
            is_refused_at_once(other)

    async def test_a_full_server_refuses_only_writes(self, client: ServiceClient) -> None:
        cache = client.cache(60)
        await client.execute("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(RedisUnavailable):
            await client.execute("SET", "key", "value")
        assert await cache.get(an_order_id()) == CacheAnswer(CacheState.MISS)

    async def test_a_full_server_drops_an_older_revision(self, client: ServiceClient) -> None:
        cache, order_id = client.cache(60), an_order_id()
        await fill(cache, order_id, a_document(1))
        await client.execute("CONFIG", "SET", "maxmemory", "1")
        assert await cache.put(order_id, a_document(2))
        document = (await cache.get(order_id)).document
        assert document is None or document.revision == 2

    async def test_a_wrong_password_opens_the_circuit(
        self, server: Server, client: ServiceClient
    ) -> None:
        await client.execute("CONFIG", "SET", "requirepass", "open sesame")
        async with opened(_with_password(server.url, "wrong")) as other:
            is_refused_at_once(other)
        async with connected(_with_password(server.url, "open%20sesame")):
            pass

    async def test_another_database_has_other_keys(
        self, server: Server, client: ServiceClient
    ) -> None:
        await client.execute("SET", "key", "value")
        async with connected(server.url.removesuffix("/0") + "/1") as other:
            assert await other.execute("GET", "key") is None

    async def test_timeouts_and_decoding_in_the_url_have_no_effect(self, server: Server) -> None:
        async with connected(f"{server.url}?socket_timeout=0.1&decode_responses=1") as client:
            await asyncio.sleep(0.3)
            assert await client.execute("ECHO", "bytes") == b"bytes"

    @pytest.mark.parametrize(
        "url", ["redis://host/0?no_such=option", "http://host", "redis://h?db=x"]
    )
    def test_an_invalid_url_is_refused(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            RedisClient(url)


def _with_password(url: str, password: str) -> str:
    where = urlsplit(url)
    return where._replace(netloc=f":{password}@{where.netloc}").geturl()


@dataclass
class FakeRedis:
    """A server that replies with the results from `answer`."""

    answer: Callable[[list[bytes]], Awaitable[bytes]]
    port: int = 0
    connections: int = 0
    reads: list[int] = field(default_factory=list)
    _serving: list[asyncio.Task[None] | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"redis://localhost:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._serving.append(asyncio.current_task())
        # asyncio logs an error if a connection's task is canceled.
        with suppress(asyncio.CancelledError, ConnectionError):
            await self._answer_all(reader, writer)
        writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = Reader()
        while received := await reader.read(65_536):
            parser.feed(received)
            commands = []
            while command := parser.gets():
                commands.append(command)
            self.reads.append(len(commands))
            for command in commands:
                writer.write(await self.answer(command))

    async def end(self) -> None:
        for task in filter(None, self._serving):
            task.cancel()
        await asyncio.gather(*filter(None, self._serving), return_exceptions=True)


@asynccontextmanager
async def serve_fake(
    answer: Callable[[list[bytes]], Awaitable[bytes]],
) -> AsyncIterator[FakeRedis]:
    fake = FakeRedis(answer)
    server = await asyncio.start_server(fake.serve, "localhost", family=AF_INET)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        await fake.end()
        await server.wait_closed()


async def echo(words: list[bytes]) -> bytes:
    """Reply with the last argument. Respond to the handshake like an empty server."""
    if words[0] == b"EVAL":
        return b"*3\r\n$10\r\ngeneration\r\n:1790000000\r\n:0\r\n"
    return b"+%b\r\n" % words[-1]


async def answered(client: ServiceClient, *words: str) -> bytes:
    """Retry until a call succeeds, and return its reply."""
    async with asyncio.timeout(LONG):
        while True:
            with suppress(RedisUnavailable):
                answer: bytes = await client.execute(*words)
                return answer
            await asyncio.sleep(0.02)


class SlowGet:
    """Hold back replies to `GET` until released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    async def __call__(self, words: list[bytes]) -> bytes:
        if words[0] == b"GET":
            await self.released.wait()
        return await echo(words)


class TestReplies:
    async def test_commands_of_one_turn_share_a_round_trip(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("libraries.redis_client.reconnector._REFRESH_AFTER_SECONDS", FOR_EVER)
        monkeypatch.setattr("libraries.redis_client.reconnector._EXPIRES_AFTER_SECONDS", FOR_EVER)
        async with serve_fake(echo) as fake, connected(fake.url) as client:
            fake.reads.clear()
            answers = await asyncio.gather(*(client.execute("GET", str(n)) for n in range(100)))
            assert answers == [b"%d" % n for n in range(100)]
            assert fake.reads == [100]

    async def test_a_late_reply_is_dropped(self) -> None:
        slow_get = SlowGet()
        async with (
            serve_fake(slow_get) as fake,
            connected(fake.url, AUXILIARY_BUDGET_SECONDS) as client,
        ):
            connections = fake.connections
            await is_refused(client.execute("GET", "slow"))
            slow_get.released.set()
            for n in range(10):
                assert await answered(client, "GET", str(n)) == b"%d" % n
                await asyncio.sleep(0.05)
            assert fake.connections > connections

    async def test_a_caller_with_a_small_budget_fails_alone(self) -> None:
        slow_get = SlowGet()

        async def hurried(client: ServiceClient) -> None:
            with request_with_budget(0.01):
                await is_refused(client.execute("GET", "one"))

        async with serve_fake(slow_get) as fake, connected(fake.url) as client:
            connections = fake.connections
            short = asyncio.create_task(hurried(client))
            await asyncio.sleep(0)
            long = asyncio.create_task(client.execute("ECHO", "two"))
            await short
            slow_get.released.set()
            assert await long == b"two"
            assert fake.connections == connections

    async def test_a_slow_server_costs_a_request_its_budget_once(self) -> None:
        slow_get = SlowGet()
        async with (
            serve_fake(slow_get) as fake,
            connected(fake.url) as client,
            asyncio.timeout(LONG),
        ):
            with request_with_budget() as result:
                for n in range(5):
                    with pytest.raises(RedisUnavailable):
                        await client.execute("GET", str(n))
                    assert result.left == 0

    async def test_a_wait_is_counted_from_the_submission(self) -> None:
        async with serve_fake(SlowGet()) as fake, connected(fake.url) as client:
            with request_with_budget() as result:
                asked = client.submit("GET", "one")
                time.sleep(AUXILIARY_BUDGET_SECONDS / 2)  # noqa: ASYNC251 - simulates a paused machine
                async with asyncio.timeout(LONG):
                    with pytest.raises(RedisUnavailable):
                        await asked
                assert result.left == 0

    async def test_the_wait_for_a_reply_is_spent_from_the_budget(self) -> None:
        async def after_a_while(words: list[bytes]) -> bytes:
            await asyncio.sleep(0.05)
            return await echo(words)

        async with serve_fake(after_a_while) as fake, connected(fake.url) as client:
            with request_with_budget(FOR_EVER) as result:
                assert await client.execute("GET", "1") == b"1"
            assert result.left <= FOR_EVER - 0.05

    async def test_a_canceled_call_does_not_shift_replies(self) -> None:
        async with serve_fake(echo) as fake, connected(fake.url) as client:
            connections = fake.connections
            canceled = asyncio.create_task(client.execute("GET", "one"))
            await asyncio.sleep(0)
            canceled.cancel()
            assert await client.execute("GET", "two") == b"two"
            assert fake.connections == connections

    async def test_a_loading_server_is_unavailable(self) -> None:
        async def loading(_: list[bytes]) -> bytes:
            return b"-LOADING Redis is loading the dataset in memory\r\n"

        async with serve_fake(loading) as fake, opened(fake.url) as client:
            is_refused_at_once(client)

    async def test_a_silent_server_is_unavailable(self) -> None:
        async def never(_: list[bytes]) -> bytes:
            await asyncio.sleep(FOR_EVER)
            return b""

        async with (
            serve_fake(never) as fake,
            opened(fake.url, AUXILIARY_BUDGET_SECONDS) as client,
        ):
            is_refused_at_once(client)

    async def test_another_protocol_is_unavailable(self) -> None:
        async def gibberish(_: list[bytes]) -> bytes:
            return b"HTTP/1.1 400 Bad Request\r\n\r\n"

        async with serve_fake(gibberish) as fake, opened(fake.url) as client:
            is_refused_at_once(client)

    async def test_an_unexpected_reply_closes_the_connection(self) -> None:
        async def twice(words: list[bytes]) -> bytes:
            return await echo(words) * (2 if words[0] == b"GET" else 1)

        async with serve_fake(twice) as fake, connected(fake.url) as client:
            connections = fake.connections
            assert await client.execute("GET", "one") == b"one"
            async with asyncio.timeout(LONG):
                while fake.connections == connections:  # noqa: ASYNC110 - it sets no event
                    await asyncio.sleep(0.02)
            assert await answered(client, "ECHO", "two") == b"two"


@pytest.mark.usefixtures("without_repeated_handshakes")
class TestBusyEventLoop:
    """A reply that has arrived counts, even if a busy event loop reads it late."""

    async def test_busy_before_the_command_is_sent(
        self, short_client: ServiceClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The reply hasn't arrived yet, and this can take long on a slow machine.
        monkeypatch.setattr(multiplexed_connection, "_GRACE_SECONDS", LONG)
        call = asyncio.create_task(short_client.execute("ECHO", "here"))
        await asyncio.sleep(0)
        time.sleep(3 * AUXILIARY_BUDGET_SECONDS)  # noqa: ASYNC251 - a busy loop
        assert await call == b"here"

    async def test_busy_while_the_reply_arrives(self, short_client: ServiceClient) -> None:
        call = asyncio.create_task(short_client.execute("ECHO", "here"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        block_until_answered(short_client)
        time.sleep(3 * AUXILIARY_BUDGET_SECONDS)  # noqa: ASYNC251 - a busy loop
        assert await call == b"here"
        assert short_client.is_available

    # uvloop, which the service uses, runs timers before it reads sockets.
    @pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
    def test_busy_all_the_time(
        self, server: Server, new_loop: Callable[[], asyncio.AbstractEventLoop]
    ) -> None:
        async def keep_busy(client: ServiceClient) -> None:
            for turn in range(8):
                if turn == 1:  # the command was sent in this turn of the loop
                    block_until_answered(client)
                time.sleep(1.2 * AUXILIARY_BUDGET_SECONDS)  # noqa: ASYNC251 - a busy loop
                await asyncio.sleep(0)

        async def call() -> None:
            async with connected(server.url, AUXILIARY_BUDGET_SECONDS) as client:
                answer, _ = await asyncio.gather(client.execute("ECHO", "here"), keep_busy(client))
                assert answer == b"here"

        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(call())


def block_until_answered(client: ServiceClient) -> None:
    """Block the event loop until Redis's reply can be read."""
    assert client._reconnector.connection is not None
    socket = client._reconnector.connection._transport.get_extra_info("socket")
    arrived, _, _ = select.select([socket], [], [], LONG)
    assert arrived


class TestCache:
    async def test_a_foreign_entry_is_a_miss_and_replaced(self, client: ServiceClient) -> None:
        cache, order_id, document = client.cache(60), an_order_id(), a_document(1)
        await client.execute("SET", client.key(f"order:{order_id}"), "something else")
        await fill(cache, order_id, document)
        assert (await cache.get(order_id)).document == document

    async def test_a_key_of_another_type_is_a_miss(self, client: ServiceClient) -> None:
        cache, order_id = client.cache(60), an_order_id()
        await client.execute("LPUSH", client.key(f"order:{order_id}"), "something else")
        await fill(cache, order_id, a_document(1))
        assert await cache.get(order_id) == CacheAnswer(CacheState.MISS)
        assert client.is_available


class TestLimits:
    async def test_a_bucket_drains_with_time(self, client: ServiceClient) -> None:
        limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
        limit = Limit("fast", 1, 1)
        async with asyncio.timeout(LONG):
            for allowed in (True, False, True):
                while (await limiter.hit(limit, "alice")).allowed is not allowed:  # noqa: ASYNC110 - as it says
                    await asyncio.sleep(0)

    async def test_an_empty_bucket_expires(self, client: ServiceClient) -> None:
        limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
        await limiter.hit(Limit("slow", 3, 30_000), "alice")
        [key] = await client.execute("KEYS", client.key("limit:*"))
        assert b"alice" not in key
        assert 9_000 < await client.execute("TTL", key) <= 10_001

    async def test_any_string_is_a_key(self, client: ServiceClient) -> None:
        limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
        for key in ("\ud800", "a" * 200_000, "\0", ""):
            assert (await limiter.hit(LIMIT, key)).remaining == 2


async def is_notified(relay_wakeup: RedisRelayWakeup) -> None:
    async with asyncio.timeout(LONG):
        await relay_wakeup.wait(FOR_EVER)


class TestRelayWakeup:
    async def test_without_redis_waits_end_in_time_and_local_notifications_arrive(
        self, server: Server, client: ServiceClient
    ) -> None:
        relay_wakeup = RedisRelayWakeup(client)
        try:
            assert await relay_wakeup.open(LONG)
            server.stop()
            await is_refused(client.execute("PING"))
            async with asyncio.timeout(LONG):
                await relay_wakeup.wait(0.5)
            relay_wakeup.notify()
            await is_notified(relay_wakeup)
        finally:
            await relay_wakeup.close()

    async def test_notifications_arrive_again_after_a_restart(
        self, server: Server, client: ServiceClient
    ) -> None:
        there, here = RedisRelayWakeup(client), RedisRelayWakeup(client)
        try:
            assert await there.open(LONG)
            server.kill()
            server.start(empty=True)
            await wait_available(client)
            await is_notified(there)  # it may have missed a notification
            asyncio.get_running_loop().call_later(0.1, here.notify)
            await is_notified(there)
        finally:
            await there.close()

    async def test_notifications_of_one_turn_are_one(self, client: ServiceClient) -> None:
        relay_wakeup = RedisRelayWakeup(client)
        for _ in range(100):
            relay_wakeup.notify()
        await asyncio.sleep(0)
        await client.execute("PING")
        [count] = [
            line
            for line in (await client.execute("INFO", "commandstats")).decode().splitlines()
            if line.startswith("cmdstat_publish:")
        ]
        assert count.startswith("cmdstat_publish:calls=1,")


class TestEviction:
    @pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random"])
    async def test_a_policy_that_evicts_tasks_gives_a_warning(
        self, client: ServiceClient, policy: str
    ) -> None:
        await client.execute("CONFIG", "SET", "maxmemory-policy", policy)
        warning = await eviction_warning(client)
        assert warning is not None
        assert policy in warning
        assert "REDIS_URL" in warning

    @pytest.mark.parametrize("policy", ["noeviction", "volatile-ttl"])
    async def test_another_policy_gives_no_warning(
        self, client: ServiceClient, policy: str
    ) -> None:
        await client.execute("CONFIG", "SET", "maxmemory-policy", policy)
        assert await eviction_warning(client) is None

    async def test_an_unavailable_server_gives_no_warning(
        self, server: Server, client: ServiceClient
    ) -> None:
        server.stop()
        assert await eviction_warning(client) is None
