"""The link to Redis when Redis is away, slow, new, or not itself."""

import asyncio
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
from adapters.redis.bell import RedisOutboxBell
from adapters.redis.cache import RedisOrderCache
from adapters.redis.errors import OutOfReach
from adapters.redis.eviction import eviction_warning
from adapters.redis.limits import RedisRateLimiter
from adapters.redis.link import RedisLink
from application.documents import OrderDocument
from application.patience import OF_A_REQUEST, Patience, patience
from application.ports.limits import Limit
from application.ports.orders import CacheAnswer, CacheState
from tests.servers.plugin import NewServer
from tests.servers.server import Server
from tests.support.orders import a_user_id, an_order_id

#: What a busy machine may add to what was promised, in seconds.
MARGIN = 0.25
#: Seconds in which the link heals, whatever happened.
SOON = 20.0
#: Seconds, on average, that are no wait at all.
AT_ONCE = OF_A_REQUEST / 2

LIMIT = Limit("orders", 3, 6)
BYPASS = CacheAnswer(CacheState.BYPASS)


def a_document(revision: int) -> OrderDocument:
    return OrderDocument(a_user_id(), revision, f'"v{revision}"', b"{}")


@asynccontextmanager
async def linked(url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(url)
    await link.open()
    try:
        yield link
    finally:
        await link.close()


async def healed(link: RedisLink) -> None:
    async with asyncio.timeout(SOON):
        while True:
            try:
                return await link.ping()
            except OutOfReach:
                await asyncio.sleep(0.02)


async def refused(work: Awaitable[object]) -> float:
    """How long it took to say that Redis is out of reach."""
    begun = time.monotonic()
    with pytest.raises(OutOfReach):
        await work
    return time.monotonic() - begun


async def refused_at_once(link: RedisLink) -> None:
    assert sum([await refused(link.ping()) for _ in range(10)]) < 10 * AT_ONCE


@contextmanager
def a_request(seconds: float = OF_A_REQUEST) -> Iterator[None]:
    token = patience.set(Patience(seconds))
    try:
        yield
    finally:
        patience.reset(token)


@pytest.fixture
def server(new_redis: NewServer) -> Iterator[Server]:
    with new_redis() as server:
        yield server


@pytest.fixture
async def link(server: Server) -> AsyncIterator[RedisLink]:
    async with linked(server.url) as link:
        await healed(link)
        yield link


class TestHung:
    async def test_the_first_call_waits_a_requests_patience_and_the_next_not_at_all(
        self, server: Server, link: RedisLink
    ) -> None:
        server.pause()
        assert OF_A_REQUEST * 0.9 <= await refused(link.ping()) < OF_A_REQUEST + MARGIN
        await refused_at_once(link)

    async def test_all_calls_of_one_moment_wait_together(
        self, server: Server, link: RedisLink
    ) -> None:
        server.pause()
        begun = time.monotonic()
        answers = await asyncio.gather(
            *(link.call("GET", str(n)) for n in range(200)), return_exceptions=True
        )
        assert {type(answer) for answer in answers} == {OutOfReach}
        assert time.monotonic() - begun < OF_A_REQUEST + MARGIN

    async def test_a_request_waits_once_for_everything_it_wants(
        self, server: Server, link: RedisLink
    ) -> None:
        cache = RedisOrderCache(link, 60)
        limiter = RedisRateLimiter(link, MemoryRateLimiter())
        server.pause()
        begun = time.monotonic()
        with a_request():
            assert (await limiter.take(LIMIT, "alice")).remaining == 2
            assert await cache.get(an_order_id()) == BYPASS
            assert not await cache.put(an_order_id(), a_document(1))
            await limiter.give_back(LIMIT, "alice")
        assert time.monotonic() - begun < OF_A_REQUEST + MARGIN

    async def test_it_heals_by_itself(self, server: Server, link: RedisLink) -> None:
        server.pause()
        await refused(link.ping())
        await asyncio.sleep(1)
        assert not link.in_reach
        server.resume()
        await healed(link)

    async def test_a_link_that_begins_while_redis_hangs_heals_too(self, server: Server) -> None:
        server.pause()
        async with linked(server.url) as link:
            await refused_at_once(link)
            server.resume()
            await healed(link)


class TestStopped:
    async def test_no_call_waits_and_it_heals_by_itself(
        self, server: Server, link: RedisLink
    ) -> None:
        server.stop()
        await refused_at_once(link)
        server.start()
        await healed(link)

    async def test_a_restarted_empty_one_is_told_the_scripts_again(
        self, server: Server, link: RedisLink
    ) -> None:
        cache = RedisOrderCache(link, 60)
        limiter = RedisRateLimiter(link, MemoryRateLimiter())
        order_id, document = an_order_id(), a_document(1)
        for _ in range(2):
            assert await cache.get(order_id) == CacheAnswer(CacheState.MISS)
            assert await cache.put(order_id, document)
            assert (await cache.get(order_id)).document == document
            assert (await limiter.take(LIMIT, "alice")).remaining == 2
            server.kill()
            server.start(empty=True)
            await healed(link)

    async def test_limits_are_kept_by_the_process_meanwhile(
        self, server: Server, link: RedisLink
    ) -> None:
        limiter = RedisRateLimiter(link, MemoryRateLimiter())
        server.stop()
        assert [(await limiter.take(LIMIT, "alice")).allowed for _ in range(4)] == [
            True,
            True,
            True,
            False,
        ]
        await limiter.give_back(LIMIT, "alice")
        assert (await limiter.take(LIMIT, "alice")).allowed

    async def test_the_first_call_of_a_link_that_nobody_opened_waits_for_it(
        self, server: Server
    ) -> None:
        link = RedisLink(server.url, at_most=10)
        try:
            await link.ping()
        finally:
            await link.close()
        await refused(link.ping())


class TestNotTheServerToTalkTo:
    async def test_a_replica_refuses_and_is_left(self, server: Server, link: RedisLink) -> None:
        cache = RedisOrderCache(link, 60)
        async with linked(server.url) as operator:
            await operator.call("REPLICAOF", "localhost", "1")
            assert not await cache.put(an_order_id(), a_document(1))
            assert not link.in_reach
            await operator.call("REPLICAOF", "NO", "ONE")
        await healed(link)
        assert await cache.put(an_order_id(), a_document(1))

    async def test_a_full_one_refuses_writes_alone(self, link: RedisLink) -> None:
        cache = RedisOrderCache(link, 60)
        await link.call("CONFIG", "SET", "maxmemory", "1")
        assert not await cache.put(an_order_id(), a_document(1))
        assert await cache.get(an_order_id()) == CacheAnswer(CacheState.MISS)

    async def test_a_wrong_password_is_out_of_reach_and_the_right_one_is_not(
        self, server: Server, link: RedisLink
    ) -> None:
        await link.call("CONFIG", "SET", "requirepass", "open sesame")
        where = urlsplit(server.url)
        for password, reached in (("wrong", False), ("open%20sesame", True)):
            url = where._replace(netloc=f":{password}@{where.netloc}").geturl()
            async with linked(url) as other:
                assert other.in_reach is reached

    async def test_a_database_of_ones_own_is_another_place(
        self, server: Server, link: RedisLink
    ) -> None:
        await link.call("SET", "key", "value")
        async with linked(server.url.removesuffix("/0") + "/1") as other:
            assert await other.call("GET", "key") is None

    async def test_what_the_url_says_about_timeouts_and_texts_changes_nothing(
        self, server: Server
    ) -> None:
        async with linked(f"{server.url}?socket_timeout=0.1&decode_responses=1") as link:
            await asyncio.sleep(0.3)
            assert await link.call("ECHO", "bytes") == b"bytes"

    @pytest.mark.parametrize(
        "url", ["redis://host/0?no_such=option", "http://host", "redis://h?db=x"]
    )
    def test_a_url_that_means_nothing_is_refused(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            RedisLink(url)


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
    return b"+%b\r\n" % words[-1]


class TestAnswers:
    async def test_commands_of_one_turn_share_a_round_trip(self) -> None:
        async with instead_of_redis(repeat) as impostor, linked(impostor.url) as link:
            answers = await asyncio.gather(*(link.call("GET", str(n)) for n in range(100)))
            assert answers == [b"%d" % n for n in range(100)]
            assert impostor.reads == [1, 100]

    async def test_nobody_gets_the_answer_that_another_gave_up_waiting_for(self) -> None:
        async def slowly(words: list[bytes]) -> bytes:
            if words[-1] == b"slow":
                await asyncio.sleep(0.3)
            return await repeat(words)

        async with instead_of_redis(slowly) as impostor, linked(impostor.url) as link:
            await refused(link.call("GET", "slow"))
            await healed(link)
            for n in range(10):
                assert await link.call("GET", str(n)) == b"%d" % n
                await asyncio.sleep(0.05)
            assert impostor.connections == 2

    async def test_whoever_has_little_patience_left_gives_up_alone(self) -> None:
        async def slowly(words: list[bytes]) -> bytes:
            if words[0] == b"GET":
                await asyncio.sleep(0.08)
            return await repeat(words)

        async def hurried(link: RedisLink) -> float:
            with a_request(0.01):
                return await refused(link.call("GET", "one"))

        async with instead_of_redis(slowly) as impostor, linked(impostor.url) as link:
            hasty = asyncio.create_task(hurried(link))
            await asyncio.sleep(0)
            assert await link.call("ECHO", "two") == b"two"
            assert await hasty < 0.07
            assert impostor.connections == 1

    async def test_a_slow_one_costs_a_request_its_patience_once(self) -> None:
        async def slowly(words: list[bytes]) -> bytes:
            if words[0] == b"GET":
                await asyncio.sleep(0.07)
            return await repeat(words)

        async with instead_of_redis(slowly) as impostor, linked(impostor.url) as link:
            begun = time.monotonic()
            with a_request():
                assert await link.call("GET", "1") == b"1"
                for n in range(5):
                    with suppress(OutOfReach):
                        await link.call("GET", str(n))
            assert time.monotonic() - begun < OF_A_REQUEST + MARGIN / 2

    async def test_whoever_is_canceled_takes_nobodys_answer_away(self) -> None:
        async with instead_of_redis(repeat) as impostor, linked(impostor.url) as link:
            canceled = asyncio.create_task(link.call("GET", "one"))
            await asyncio.sleep(0)
            canceled.cancel()
            assert await link.call("GET", "two") == b"two"
            assert impostor.connections == 1

    async def test_one_that_is_still_loading_is_out_of_reach(self) -> None:
        async def loading(_: list[bytes]) -> bytes:
            return b"-LOADING Redis is loading the dataset in memory\r\n"

        async with instead_of_redis(loading) as impostor, linked(impostor.url) as link:
            await refused_at_once(link)

    async def test_one_that_never_answers_is_out_of_reach(self) -> None:
        async def never(_: list[bytes]) -> bytes:
            await asyncio.sleep(SOON)
            return b""

        async with instead_of_redis(never) as impostor, linked(impostor.url) as link:
            await refused_at_once(link)

    async def test_what_is_no_redis_at_all_is_out_of_reach(self) -> None:
        async def gibberish(_: list[bytes]) -> bytes:
            return b"HTTP/1.1 400 Bad Request\r\n\r\n"

        async with instead_of_redis(gibberish) as impostor, linked(impostor.url) as link:
            await refused_at_once(link)

    async def test_an_answer_nobody_asked_for_ends_the_connection(self) -> None:
        async def twice(words: list[bytes]) -> bytes:
            return await repeat(words) * (2 if words[0] == b"GET" else 1)

        async with instead_of_redis(twice) as impostor, linked(impostor.url) as link:
            assert await link.call("GET", "one") == b"one"
            await asyncio.sleep(0.05)
            await healed(link)
            assert await link.call("ECHO", "two") == b"two"
            assert impostor.connections == 2


class TestBusyEventLoop:
    """An answer that is there counts, however late this process comes to read it."""

    async def test_when_it_is_busy_before_the_command_is_sent(self, link: RedisLink) -> None:
        call = asyncio.create_task(link.call("ECHO", "here"))
        await asyncio.sleep(0)
        time.sleep(0.3)  # noqa: ASYNC251 - what is meant
        assert await call == b"here"

    async def test_when_it_is_busy_while_the_answer_comes(self, link: RedisLink) -> None:
        call = asyncio.create_task(link.call("ECHO", "here"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(0.3)  # noqa: ASYNC251 - what is meant
        assert await call == b"here"
        assert link.in_reach

    # uvloop, which the service runs on, fires timers before it reads what has arrived.
    @pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
    def test_when_it_is_busy_all_the_time(
        self, server: Server, new_loop: Callable[[], asyncio.AbstractEventLoop]
    ) -> None:
        async def keep_busy() -> None:
            for _ in range(8):
                time.sleep(1.2 * OF_A_REQUEST)  # noqa: ASYNC251 - what is meant
                await asyncio.sleep(0)

        async def call() -> None:
            async with linked(server.url) as link:
                await healed(link)
                answer, _ = await asyncio.gather(link.call("ECHO", "here"), keep_busy())
                assert answer == b"here"

        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(call())


class TestCache:
    async def test_a_tombstone_lets_no_older_revision_in(self, link: RedisLink) -> None:
        cache, order_id = RedisOrderCache(link, 60), an_order_id()
        await cache.put(order_id, a_document(1))
        assert await cache.forget(order_id, 2)
        assert await cache.get(order_id) == CacheAnswer(CacheState.MISS)
        await cache.put(order_id, a_document(1))
        assert await cache.get(order_id) == CacheAnswer(CacheState.MISS)
        current = a_document(2)
        await cache.put(order_id, current)
        assert (await cache.get(order_id)).document == current

    async def test_what_is_none_of_ours_is_a_miss_and_written_over(self, link: RedisLink) -> None:
        cache, order_id, document = RedisOrderCache(link, 60), an_order_id(), a_document(1)
        await link.call("SET", f"order:{order_id}", "something else")
        assert await cache.get(order_id) == CacheAnswer(CacheState.MISS)
        assert await cache.put(order_id, document)
        assert (await cache.get(order_id)).document == document

    async def test_a_place_that_holds_no_text_is_passed_by(self, link: RedisLink) -> None:
        cache, order_id = RedisOrderCache(link, 60), an_order_id()
        await link.call("LPUSH", f"order:{order_id}", "something else")
        assert await cache.get(order_id) == BYPASS
        assert link.in_reach


class TestLimits:
    async def test_time_that_really_passes_fills_a_bucket_again(self, link: RedisLink) -> None:
        limiter, limit = RedisRateLimiter(link, MemoryRateLimiter()), Limit("fast", 1, 1)
        assert (await limiter.take(limit, "alice")).allowed
        assert not (await limiter.take(limit, "alice")).allowed
        await asyncio.sleep(1.05)
        assert (await limiter.take(limit, "alice")).allowed

    async def test_a_bucket_lives_no_longer_than_it_is_filled(self, link: RedisLink) -> None:
        limiter = RedisRateLimiter(link, MemoryRateLimiter())
        await limiter.take(LIMIT, "alice")
        [key] = await link.call("KEYS", "limit:*")
        assert b"alice" not in key
        assert 1 < await link.call("TTL", key) <= 3

    async def test_any_text_is_a_key(self, link: RedisLink) -> None:
        limiter = RedisRateLimiter(link, MemoryRateLimiter())
        for key in ("\ud800", "a" * 200_000, "\0", ""):
            assert (await limiter.take(LIMIT, key)).remaining == 2


class TestBell:
    async def test_while_redis_is_away_a_wait_ends_in_time_and_this_process_is_heard(
        self, server: Server, link: RedisLink
    ) -> None:
        bell = RedisOutboxBell(link)
        try:
            assert await bell.open(SOON)
            server.stop()
            await asyncio.sleep(0.2)
            begun = time.monotonic()
            await bell.wait(0.5)
            assert 0.45 <= time.monotonic() - begun < 2
            bell.ring()
            begun = time.monotonic()
            await bell.wait(10)
            assert time.monotonic() - begun < 1
        finally:
            await bell.close()

    async def test_it_is_heard_again_when_redis_is_back(
        self, server: Server, link: RedisLink
    ) -> None:
        there, here = RedisOutboxBell(link), RedisOutboxBell(link)
        try:
            assert await there.open(SOON)
            server.kill()
            server.start(empty=True)
            await healed(link)
            # What may have rung meanwhile is looked after once.
            begun = time.monotonic()
            await there.wait(SOON)
            assert time.monotonic() - begun < SOON / 2
            asyncio.get_running_loop().call_later(0.1, here.ring)
            begun = time.monotonic()
            await there.wait(SOON)
            assert time.monotonic() - begun < SOON / 2
        finally:
            await there.close()

    async def test_many_rings_of_one_turn_are_one(self, link: RedisLink) -> None:
        bell = RedisOutboxBell(link)
        for _ in range(100):
            bell.ring()
        await asyncio.sleep(0)
        await link.ping()
        [count] = [
            line
            for line in (await link.call("INFO", "commandstats")).decode().splitlines()
            if line.startswith("cmdstat_publish:")
        ]
        assert count.startswith("cmdstat_publish:calls=1,")


class TestEviction:
    @pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random"])
    async def test_a_policy_that_can_evict_tasks_is_warned_about(
        self, link: RedisLink, policy: str
    ) -> None:
        await link.call("CONFIG", "SET", "maxmemory-policy", policy)
        warning = await eviction_warning(link)
        assert warning is not None
        assert policy in warning
        assert "REDIS_URL" in warning

    @pytest.mark.parametrize("policy", ["noeviction", "volatile-ttl"])
    async def test_another_one_is_not(self, link: RedisLink, policy: str) -> None:
        await link.call("CONFIG", "SET", "maxmemory-policy", policy)
        assert await eviction_warning(link) is None

    async def test_a_server_that_is_away_is_no_reason_to_warn(
        self, server: Server, link: RedisLink
    ) -> None:
        server.stop()
        assert await eviction_warning(link) is None
