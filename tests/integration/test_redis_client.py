"""The client to Redis when Redis is away, slow, new, or not itself."""

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

#: Seconds that no test waits to the end.
FOR_EVER = 10 * LONG
#: So many calls, one behind the other, would wait for ever, too.
MANY = round(2 * LONG / AUXILIARY_BUDGET_SECONDS)

LIMIT = Limit("orders", 3, 6)
BYPASS = CacheAnswer(CacheState.BYPASS)


def a_document(revision: int) -> OrderDocument:
    return OrderDocument(a_user_id(), 1, revision, is_processed=False, body=b"{}")


async def fill(cache: RedisOrderCache, order_id: OrderId, document: OrderDocument) -> None:
    """Read an order that is not cached, as a reader does."""
    missed = await cache.get(order_id)
    assert missed.lease is not None
    await cache.fill(order_id, document, missed.lease)


@asynccontextmanager
async def opened(url: str, timeout_seconds: float = FOR_EVER) -> AsyncIterator[ServiceClient]:
    """Yield a client of any server; its timeout is long unless it is what is tested."""
    client = ServiceClient(url, timeout_seconds=timeout_seconds)
    await client.open()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def connected(url: str, timeout_seconds: float = FOR_EVER) -> AsyncIterator[ServiceClient]:
    """Yield a client of a server that answers."""
    async with opened(url, timeout_seconds) as client:
        await wait_available(client)
        yield client


async def refused(work: Awaitable[object]) -> None:
    """Return when it is said that Redis is out of reach."""
    async with asyncio.timeout(LONG):
        with pytest.raises(RedisUnavailable):
            await work


def refused_at_once(client: ServiceClient) -> None:
    """The circuit is open: a call is refused before it has waited for anything."""
    with pytest.raises(RedisUnavailable):
        client.execute("PING").send(None)


@contextmanager
def a_request(seconds: float = AUXILIARY_BUDGET_SECONDS) -> Iterator[TimeBudget]:
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
async def prompt(server: Server) -> AsyncIterator[ServiceClient]:
    """The client as the service has it, with a request's patience."""
    async with connected(server.url, AUXILIARY_BUDGET_SECONDS) as client:
        yield client


class TestHung:
    async def test_the_first_call_is_refused_after_a_while_and_the_next_at_once(
        self, server: Server, prompt: ServiceClient
    ) -> None:
        server.pause()
        await refused(prompt.execute("PING"))
        refused_at_once(prompt)

    async def test_all_calls_of_one_moment_wait_together(
        self, server: Server, prompt: ServiceClient
    ) -> None:
        server.pause()
        async with asyncio.timeout(LONG):
            answers = await asyncio.gather(
                *(prompt.execute("GET", str(n)) for n in range(MANY)), return_exceptions=True
            )
        assert {type(answer) for answer in answers} == {RedisUnavailable}

    async def test_a_request_waits_once_for_everything_it_wants(
        self, server: Server, client: ServiceClient
    ) -> None:
        cache = client.cache(60)
        limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
        server.pause()
        async with asyncio.timeout(LONG):
            with a_request() as result:
                assert (await limiter.hit(LIMIT, "alice")).remaining == 2
                assert result.left == 0
                assert await cache.get(an_order_id()) == BYPASS
                assert not await cache.put(an_order_id(), a_document(1))
                await limiter.refund(LIMIT, "alice")
        assert client.is_available  # whoever had so little patience has said nothing of the client

    async def test_it_heals_by_itself(self, server: Server, prompt: ServiceClient) -> None:
        server.pause()
        await refused(prompt.execute("PING"))
        await asyncio.sleep(1)
        assert not prompt.is_available
        server.resume()
        await wait_available(prompt)

    async def test_it_is_left_also_where_nobody_waits_for_an_answer(
        self, server: Server, client: ServiceClient
    ) -> None:
        server.pause()
        async with asyncio.timeout(LONG):
            while client.is_available:
                client.send("SET", "key", bytes(200_000))
                await asyncio.sleep(0.05)
        server.resume()
        await wait_available(client)

    async def test_a_link_that_begins_while_redis_hangs_heals_too(self, server: Server) -> None:
        server.pause()
        async with opened(server.url, AUXILIARY_BUDGET_SECONDS) as client:
            refused_at_once(client)
            server.resume()
            await wait_available(client)


class TestStopped:
    async def test_no_call_waits_and_it_heals_by_itself(
        self, server: Server, client: ServiceClient
    ) -> None:
        server.stop()
        await refused(client.execute("PING"))
        refused_at_once(client)
        server.start()
        await wait_available(client)

    async def test_a_restarted_empty_one_is_told_the_scripts_again(
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

    async def test_limits_are_kept_by_the_process_meanwhile(
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

    async def test_the_first_call_of_a_link_that_nobody_opened_waits_for_it(
        self, server: Server
    ) -> None:
        client = ServiceClient(server.url, timeout_seconds=FOR_EVER)
        try:
            await client.execute("PING")
        finally:
            await client.close()
        await refused(client.execute("PING"))


class TestNotTheServerToTalkTo:
    async def test_a_replica_refuses_and_is_left(
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

    async def test_a_replica_that_takes_writes_is_none_to_use_either(
        self, server: Server, client: ServiceClient
    ) -> None:
        await client.execute("CONFIG", "SET", "replica-read-only", "no")
        await client.execute("REPLICAOF", "localhost", "1")
        async with opened(server.url) as other:
            refused_at_once(other)

    async def test_a_full_one_refuses_writes_alone(self, client: ServiceClient) -> None:
        cache = client.cache(60)
        await client.execute("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(RedisUnavailable):
            await client.execute("SET", "key", "value")
        assert await cache.get(an_order_id()) == CacheAnswer(CacheState.MISS)

    async def test_a_full_one_still_learns_of_a_newer_revision(self, client: ServiceClient) -> None:
        cache, order_id = client.cache(60), an_order_id()
        await fill(cache, order_id, a_document(1))
        await client.execute("CONFIG", "SET", "maxmemory", "1")
        assert await cache.put(order_id, a_document(2))
        document = (await cache.get(order_id)).document
        assert document is None or document.revision == 2

    async def test_a_wrong_password_is_out_of_reach_and_the_right_one_is_not(
        self, server: Server, client: ServiceClient
    ) -> None:
        await client.execute("CONFIG", "SET", "requirepass", "open sesame")
        async with opened(_with_password(server.url, "wrong")) as other:
            refused_at_once(other)
        async with connected(_with_password(server.url, "open%20sesame")):
            pass

    async def test_a_database_of_ones_own_is_another_place(
        self, server: Server, client: ServiceClient
    ) -> None:
        await client.execute("SET", "key", "value")
        async with connected(server.url.removesuffix("/0") + "/1") as other:
            assert await other.execute("GET", "key") is None

    async def test_what_the_url_says_about_timeouts_and_texts_changes_nothing(
        self, server: Server
    ) -> None:
        async with connected(f"{server.url}?socket_timeout=0.1&decode_responses=1") as client:
            await asyncio.sleep(0.3)
            assert await client.execute("ECHO", "bytes") == b"bytes"

    @pytest.mark.parametrize(
        "url", ["redis://host/0?no_such=option", "http://host", "redis://h?db=x"]
    )
    def test_a_url_that_means_nothing_is_refused(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            RedisClient(url)


def _with_password(url: str, password: str) -> str:
    where = urlsplit(url)
    return where._replace(netloc=f":{password}@{where.netloc}").geturl()


@dataclass
class Impostor:
    """Something that listens where Redis should, and answers as it likes."""

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
        # asyncio takes it ill when a connection's task ends by being canceled.
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
async def instead_of_redis(
    answer: Callable[[list[bytes]], Awaitable[bytes]],
) -> AsyncIterator[Impostor]:
    impostor = Impostor(answer)
    server = await asyncio.start_server(impostor.serve, "localhost", family=AF_INET)
    impostor.port = server.sockets[0].getsockname()[1]
    try:
        yield impostor
    finally:
        server.close()
        await impostor.end()
        await server.wait_closed()


async def repeat(words: list[bytes]) -> bytes:
    """Answer with the command's last word; greet as an empty server does."""
    if words[0] == b"EVAL":
        return b"*3\r\n$10\r\ngeneration\r\n:1790000000\r\n:0\r\n"
    return b"+%b\r\n" % words[-1]


async def answered(client: ServiceClient, *words: str) -> bytes:
    """The answer, at whichever attempt there is one."""
    async with asyncio.timeout(LONG):
        while True:
            with suppress(RedisUnavailable):
                answer: bytes = await client.execute(*words)
                return answer
            await asyncio.sleep(0.02)


class Slowly:
    """Answers to `GET` and to nothing else only when it is released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    async def __call__(self, words: list[bytes]) -> bytes:
        if words[0] == b"GET":
            await self.released.wait()
        return await repeat(words)


class TestAnswers:
    async def test_commands_of_one_turn_share_a_round_trip(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("libraries.redis_client.client._REFRESH_AFTER_SECONDS", FOR_EVER)
        monkeypatch.setattr("libraries.redis_client.client._EXPIRES_AFTER_SECONDS", FOR_EVER)
        async with instead_of_redis(repeat) as impostor, connected(impostor.url) as client:
            impostor.reads.clear()
            answers = await asyncio.gather(*(client.execute("GET", str(n)) for n in range(100)))
            assert answers == [b"%d" % n for n in range(100)]
            assert impostor.reads == [100]

    async def test_nobody_gets_the_answer_that_another_gave_up_waiting_for(self) -> None:
        slowly = Slowly()
        async with (
            instead_of_redis(slowly) as impostor,
            connected(impostor.url, AUXILIARY_BUDGET_SECONDS) as client,
        ):
            connections = impostor.connections
            await refused(client.execute("GET", "slow"))
            slowly.released.set()
            for n in range(10):
                assert await answered(client, "GET", str(n)) == b"%d" % n
                await asyncio.sleep(0.05)
            assert impostor.connections > connections

    async def test_whoever_has_little_patience_left_gives_up_alone(self) -> None:
        slowly = Slowly()

        async def hurried(client: ServiceClient) -> None:
            with a_request(0.01):
                await refused(client.execute("GET", "one"))

        async with instead_of_redis(slowly) as impostor, connected(impostor.url) as client:
            connections = impostor.connections
            hasty = asyncio.create_task(hurried(client))
            await asyncio.sleep(0)
            patient = asyncio.create_task(client.execute("ECHO", "two"))
            await hasty
            slowly.released.set()
            assert await patient == b"two"
            assert impostor.connections == connections

    async def test_a_slow_one_costs_a_request_its_patience_once(self) -> None:
        slowly = Slowly()
        async with (
            instead_of_redis(slowly) as impostor,
            connected(impostor.url) as client,
            asyncio.timeout(LONG),
        ):
            with a_request() as result:
                for n in range(5):
                    with pytest.raises(RedisUnavailable):
                        await client.execute("GET", str(n))
                    assert result.left == 0

    async def test_a_wait_is_counted_from_the_moment_of_asking(self) -> None:
        async with instead_of_redis(Slowly()) as impostor, connected(impostor.url) as client:
            with a_request() as result:
                asked = client.submit("GET", "one")
                time.sleep(AUXILIARY_BUDGET_SECONDS / 2)  # noqa: ASYNC251 - a machine that pauses
                async with asyncio.timeout(LONG):
                    with pytest.raises(RedisUnavailable):
                        await asked
                assert result.left == 0

    async def test_an_answer_costs_a_request_the_time_that_it_took(self) -> None:
        async def after_a_while(words: list[bytes]) -> bytes:
            await asyncio.sleep(0.05)
            return await repeat(words)

        async with instead_of_redis(after_a_while) as impostor, connected(impostor.url) as client:
            with a_request(FOR_EVER) as result:
                assert await client.execute("GET", "1") == b"1"
            assert result.left <= FOR_EVER - 0.05

    async def test_whoever_is_canceled_takes_nobodys_answer_away(self) -> None:
        async with instead_of_redis(repeat) as impostor, connected(impostor.url) as client:
            connections = impostor.connections
            canceled = asyncio.create_task(client.execute("GET", "one"))
            await asyncio.sleep(0)
            canceled.cancel()
            assert await client.execute("GET", "two") == b"two"
            assert impostor.connections == connections

    async def test_one_that_is_still_loading_is_out_of_reach(self) -> None:
        async def loading(_: list[bytes]) -> bytes:
            return b"-LOADING Redis is loading the dataset in memory\r\n"

        async with instead_of_redis(loading) as impostor, opened(impostor.url) as client:
            refused_at_once(client)

    async def test_one_that_never_answers_is_out_of_reach(self) -> None:
        async def never(_: list[bytes]) -> bytes:
            await asyncio.sleep(FOR_EVER)
            return b""

        async with (
            instead_of_redis(never) as impostor,
            opened(impostor.url, AUXILIARY_BUDGET_SECONDS) as client,
        ):
            refused_at_once(client)

    async def test_what_is_no_redis_at_all_is_out_of_reach(self) -> None:
        async def gibberish(_: list[bytes]) -> bytes:
            return b"HTTP/1.1 400 Bad Request\r\n\r\n"

        async with instead_of_redis(gibberish) as impostor, opened(impostor.url) as client:
            refused_at_once(client)

    async def test_an_answer_nobody_asked_for_ends_the_connection(self) -> None:
        async def twice(words: list[bytes]) -> bytes:
            return await repeat(words) * (2 if words[0] == b"GET" else 1)

        async with instead_of_redis(twice) as impostor, connected(impostor.url) as client:
            connections = impostor.connections
            assert await client.execute("GET", "one") == b"one"
            async with asyncio.timeout(LONG):
                while impostor.connections == connections:  # noqa: ASYNC110 - it sets no event
                    await asyncio.sleep(0.02)
            assert await answered(client, "ECHO", "two") == b"two"


class TestBusyEventLoop:
    """An answer that is there counts, however late this process comes to read it."""

    async def test_when_it_is_busy_before_the_command_is_sent(
        self, prompt: ServiceClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The answer is not there yet, and how soon it comes is for the machine to say.
        monkeypatch.setattr(multiplexed_connection, "_GRACE_SECONDS", LONG)
        call = asyncio.create_task(prompt.execute("ECHO", "here"))
        await asyncio.sleep(0)
        time.sleep(3 * AUXILIARY_BUDGET_SECONDS)  # noqa: ASYNC251 - what is meant
        assert await call == b"here"

    async def test_when_it_is_busy_while_the_answer_comes(self, prompt: ServiceClient) -> None:
        call = asyncio.create_task(prompt.execute("ECHO", "here"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        block_until_answered(prompt)
        time.sleep(3 * AUXILIARY_BUDGET_SECONDS)  # noqa: ASYNC251 - what is meant
        assert await call == b"here"
        assert prompt.is_available

    # uvloop, which the service runs on, fires timers before it reads what has arrived.
    @pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
    def test_when_it_is_busy_all_the_time(
        self, server: Server, new_loop: Callable[[], asyncio.AbstractEventLoop]
    ) -> None:
        async def keep_busy(client: ServiceClient) -> None:
            for turn in range(8):
                if turn == 1:  # the command was sent in this turn of the loop
                    block_until_answered(client)
                time.sleep(1.2 * AUXILIARY_BUDGET_SECONDS)  # noqa: ASYNC251 - what is meant
                await asyncio.sleep(0)

        async def call() -> None:
            async with connected(server.url, AUXILIARY_BUDGET_SECONDS) as client:
                answer, _ = await asyncio.gather(client.execute("ECHO", "here"), keep_busy(client))
                assert answer == b"here"

        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(call())


def block_until_answered(client: ServiceClient) -> None:
    """Keep the event loop from everything until Redis's answer is there to be read."""
    assert client._connection is not None
    socket = client._connection._transport.get_extra_info("socket")
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
    async def test_time_that_really_passes_fills_a_bucket_again(
        self, client: ServiceClient
    ) -> None:
        limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
        limit = Limit("fast", 1, 1)
        async with asyncio.timeout(LONG):
            for allowed in (True, False, True):
                while (await limiter.hit(limit, "alice")).allowed is not allowed:  # noqa: ASYNC110 - as it says
                    await asyncio.sleep(0)

    async def test_a_bucket_lives_no_longer_than_it_is_filled(self, client: ServiceClient) -> None:
        limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
        await limiter.hit(Limit("slow", 3, 30_000), "alice")
        [key] = await client.execute("KEYS", client.key("limit:*"))
        assert b"alice" not in key
        assert 9_000 < await client.execute("TTL", key) <= 10_001

    async def test_any_text_is_a_key(self, client: ServiceClient) -> None:
        limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
        for key in ("\ud800", "a" * 200_000, "\0", ""):
            assert (await limiter.hit(LIMIT, key)).remaining == 2


async def is_heard(relay_wakeup: RedisRelayWakeup) -> None:
    async with asyncio.timeout(LONG):
        await relay_wakeup.wait(FOR_EVER)


class TestBell:
    async def test_while_redis_is_away_a_wait_ends_in_time_and_this_process_is_heard(
        self, server: Server, client: ServiceClient
    ) -> None:
        relay_wakeup = RedisRelayWakeup(client)
        try:
            assert await relay_wakeup.open(LONG)
            server.stop()
            await refused(client.execute("PING"))
            async with asyncio.timeout(LONG):
                await relay_wakeup.wait(0.5)
            relay_wakeup.notify()
            await is_heard(relay_wakeup)
        finally:
            await relay_wakeup.close()

    async def test_it_is_heard_again_when_redis_is_back(
        self, server: Server, client: ServiceClient
    ) -> None:
        there, here = RedisRelayWakeup(client), RedisRelayWakeup(client)
        try:
            assert await there.open(LONG)
            server.kill()
            server.start(empty=True)
            await wait_available(client)
            await is_heard(there)  # what may have rung meanwhile is looked after once
            asyncio.get_running_loop().call_later(0.1, here.notify)
            await is_heard(there)
        finally:
            await there.close()

    async def test_many_rings_of_one_turn_are_one(self, client: ServiceClient) -> None:
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
    async def test_a_policy_that_can_evict_tasks_is_warned_about(
        self, client: ServiceClient, policy: str
    ) -> None:
        await client.execute("CONFIG", "SET", "maxmemory-policy", policy)
        warning = await eviction_warning(client)
        assert warning is not None
        assert policy in warning
        assert "REDIS_URL" in warning

    @pytest.mark.parametrize("policy", ["noeviction", "volatile-ttl"])
    async def test_another_one_is_not(self, client: ServiceClient, policy: str) -> None:
        await client.execute("CONFIG", "SET", "maxmemory-policy", policy)
        assert await eviction_warning(client) is None

    async def test_a_server_that_is_away_is_no_reason_to_warn(
        self, server: Server, client: ServiceClient
    ) -> None:
        server.stop()
        assert await eviction_warning(client) is None
