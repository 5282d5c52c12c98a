"""Calls of an event loop iteration share a script call, and each gets its own result."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeAlias
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.memory.limits import MemoryRateLimiter
from adapters.redis import limits
from adapters.redis.cache_scripts import OFFER
from adapters.redis.limits import RedisRateLimiter
from application.documents import OrderDocument
from application.ports.limits import Limit, RateLimitResult
from application.ports.orders import CacheState
from libraries.asyncio_tools.time_budget import TimeBudget, time_budget
from libraries.redis_client import batched_script
from libraries.redis_client.batched_script import MAX_CALLS, BatchedScript
from libraries.redis_client.errors import RedisUnavailable
from tests.contract.bundles import Limiter
from tests.contract.redis_bundle import client_of_test, limited_in_redis
from tests.servers.plugin import NewServer
from tests.support.deadlines import LONG
from tests.support.orders import a_user_id, an_order_id
from tests.support.redis import ServiceClient, connected, wait_available
from tests.support.time import MovableClock

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

LIMITS = (Limit("orders", 3, 6_000), Limit("logins", 7, 86_400))
KEYS = ("alice", "bob", "carol")

#: Hits of one iteration, and for how many seconds to wait afterwards.
Hits: TypeAlias = tuple[Sequence[tuple[Limit, str]], int]
BATCHES = st.lists(
    st.tuples(
        st.lists(
            st.tuples(st.sampled_from(LIMITS), st.sampled_from(KEYS)), min_size=1, max_size=30
        ),
        st.sampled_from((0, 1, 999, 2_000, 6_000, 90_000)),
    ),
    max_size=6,
)

#: Returns the first key and the first argument of each call, and the number of calls so far.
ECHO = """
local results = {}
for number, key in ipairs(KEYS) do
  results[3 * number - 2] = key
  results[3 * number - 1] = ARGV[number]
  results[3 * number] = number
end
return results
"""


@pytest.fixture
async def client(request: pytest.FixtureRequest) -> AsyncIterator[ServiceClient]:
    async with client_of_test(request) as client:
        yield client


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[Any]]:
    """The commands of all batches that have been sent."""
    commands: list[Sequence[Any]] = []
    command = batched_script._Batch.command

    def recorded(batch: batched_script._Batch) -> tuple[Any, ...]:
        commands.append(result := command(batch))
        return result

    monkeypatch.setattr(batched_script._Batch, "command", recorded)
    return commands


async def loaded(client: ServiceClient, source: str) -> BatchedScript:
    """Return a script that is already loaded."""
    await client.execute("SCRIPT", "LOAD", source)
    return BatchedScript(client, source, results_per_call=3)


def a_document(revision: int = 1) -> OrderDocument:
    return OrderDocument(a_user_id(), 1, revision, is_processed=False, body=b"{}")


async def in_request(work: Callable[[], Awaitable[Any]], seconds: float) -> Any:
    """Run `work` in a request with its own time budget."""
    time_budget.set(TimeBudget(seconds))
    return await work()


class TestCalls:
    async def test_calls_of_one_iteration_share_a_script_call(
        self, client: ServiceClient, sent: list[Sequence[Any]]
    ) -> None:
        script = await loaded(client, ECHO)
        results = await asyncio.gather(
            *(script.submit([f"key {n}"], [f"arg {n}"]) for n in range(5))
        )
        assert results == [[b"key %d" % n, b"arg %d" % n, n + 1] for n in range(5)]
        assert len(sent) == 1

    async def test_more_calls_than_a_batch_takes_use_several_script_calls(
        self, client: ServiceClient, sent: list[Sequence[Any]]
    ) -> None:
        script, count = await loaded(client, ECHO), 2 * MAX_CALLS + 5
        results = await asyncio.gather(*(script.submit([str(n)], [n]) for n in range(count)))
        assert [result[0] for result in results] == [b"%d" % n for n in range(count)]
        assert [command[2] for command in sent] == [MAX_CALLS, MAX_CALLS, 5]

    async def test_an_unloaded_script_is_sent_in_full(
        self, client: ServiceClient, sent: list[Sequence[Any]]
    ) -> None:
        script = BatchedScript(client, f"-- {uuid4()}\n{ECHO}", results_per_call=3)
        results = await asyncio.gather(*(script.submit([str(n)], [n]) for n in range(3)))
        await script.submit(["later"], ["x"])
        assert [result[2] for result in results] == [1, 2, 3]
        assert [command[0] for command in sent] == ["EVALSHA", "EVAL", "EVALSHA"]

    async def test_a_canceled_call_does_not_disturb_the_others(self, client: ServiceClient) -> None:
        script = await loaded(client, ECHO)

        async def call(name: str) -> Any:
            return await script.submit([name], [name])

        calls = [asyncio.create_task(call(name)) for name in "abc"]
        await asyncio.sleep(0)
        calls[1].cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert results[0] == [b"a", b"a", 1]
        assert isinstance(results[1], asyncio.CancelledError)
        assert results[2] == [b"c", b"c", 3]

    async def test_an_error_is_raised_to_each_caller(self, client: ServiceClient) -> None:
        script = BatchedScript(client, "return redis.error_reply('ERR broken')")
        results = await asyncio.gather(
            *(script.submit([each]) for each in "ab"), return_exceptions=True
        )
        assert [type(each) for each in results] == [RedisUnavailable] * 2
        assert results[0] is not results[1]

    @pytest.mark.parametrize("result", ["1", "{1, 2}", "'text'", "nil"])
    async def test_an_invalid_result_is_an_error_for_each_caller(
        self, client: ServiceClient, result: str
    ) -> None:
        script = await loaded(client, f"return {result}")
        async with asyncio.timeout(LONG):
            results = await asyncio.gather(
                *(script.submit([each]) for each in "ab"), return_exceptions=True
            )
        assert [type(each) for each in results] == [RedisUnavailable] * 2
        assert client.is_available

    async def test_a_lost_connection_fails_all_calls_and_the_next_batch_is_new(
        self, client: ServiceClient
    ) -> None:
        script = await loaded(client, ECHO)
        lost = [script.submit([each], [each]) for each in "ab"]
        assert client.connection is not None
        client.connection.close("lost")
        results = await asyncio.gather(*lost, return_exceptions=True)
        assert [type(each) for each in results] == [RedisUnavailable] * 2
        await wait_available(client)
        assert await script.submit(["c"], ["c"]) == [b"c", b"c", 1]

    async def test_commands_before_and_after_a_batch_keep_their_order(
        self, client: ServiceClient
    ) -> None:
        append = "for _, key in ipairs(KEYS) do redis.call('APPEND', key, 'script ') end"
        script, key = await loaded(client, append), client.key("log")
        script.send([key])
        await client.execute("DEL", key)
        client.send("APPEND", key, "first ")
        script.send([key])
        client.send("APPEND", key, "second ")
        script.send([key])
        assert await client.execute("GET", key) == b"first script script second "


class TestTimeBudget:
    async def test_a_spent_budget_only_fails_its_own_call(self, new_redis: NewServer) -> None:
        with new_redis() as server:
            async with connected(server.url) as client:
                script = await loaded(client, ECHO)
                server.pause()
                hurried = asyncio.create_task(in_request(lambda: script.submit(["a"], ["a"]), 0.01))
                patient = [
                    asyncio.create_task(in_request(lambda: script.submit(["b"], ["b"]), 10 * LONG))
                    for _ in range(2)
                ]
                async with asyncio.timeout(LONG):
                    with pytest.raises(RedisUnavailable):
                        await hurried
                server.resume()
                results = await asyncio.gather(*patient)
        assert [result[0] for result in results] == [b"b", b"b"]

    async def test_each_call_spends_its_own_budget(self, new_redis: NewServer) -> None:
        async def call(script: BatchedScript) -> float:
            time_budget.set(budget := TimeBudget(10 * LONG))
            await script.submit(["a"], ["a"])
            return 10 * LONG - budget.left

        with new_redis() as server:
            async with connected(server.url) as client:
                script = await loaded(client, ECHO)
                server.pause()
                calls = [asyncio.create_task(call(script)) for _ in range(2)]
                await asyncio.sleep(0.1)
                server.resume()
                assert all(spent > 0.09 for spent in await asyncio.gather(*calls))


class TestHits:
    @pytest.fixture
    async def pair(
        self, request: pytest.FixtureRequest
    ) -> AsyncIterator[tuple[Limiter, MemoryRateLimiter, MovableClock]]:
        clock = MovableClock()
        async with limited_in_redis(request) as limited:
            yield limited, MemoryRateLimiter(clock.monotonic), clock

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(batches=BATCHES)
    async def test_batched_hits_have_the_same_results_as_single_hits(
        self, pair: tuple[Limiter, MemoryRateLimiter, MovableClock], batches: Sequence[Hits]
    ) -> None:
        """Compare random batches with a limiter that counts one hit after another."""
        limited, model, clock = pair
        prefix = uuid4().hex
        for hits, pause in batches:
            got = await asyncio.gather(
                *(limited.limits.hit(limit, prefix + key) for limit, key in hits)
            )
            assert got == [await model.hit(limit, prefix + key) for limit, key in hits]
            await limited.pass_time(pause)
            await clock.advance(pause)

    async def test_a_limit_is_exact_across_batches_and_processes(
        self, request: pytest.FixtureRequest, client: ServiceClient
    ) -> None:
        limit = Limit("shared", 250, 86_400)
        async with connected(request.getfixturevalue("redis_server").url) as other:
            other.key_prefix = client.key_prefix
            limiters = [
                RedisRateLimiter(each, MemoryRateLimiter(MovableClock().monotonic))
                for each in (client, other)
            ]
            results = await asyncio.gather(
                *(limiters[n % 2].hit(limit, "alice") for n in range(600))
            )
        assert sum(result.allowed for result in results) == limit.count
        remaining = sorted((each.remaining for each in results if each.allowed), reverse=True)
        assert remaining == list(range(249, -1, -1))

    async def test_the_old_and_the_new_release_read_the_same_buckets(
        self, client: ServiceClient
    ) -> None:
        limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
        limit = LIMITS[0]
        await limiter.hit(limit, "alice")
        [key] = await client.execute("KEYS", client.key("limit:*"))
        filled, at = (await client.execute("GET", key)).split(b" ")
        assert int(filled) == limit.period * 1_000_000
        assert abs(int(at) / 1e6 - float((await client.execute("TIME"))[0])) < LONG
        await client.execute("SET", key, b"%d %b" % (2 * int(filled), at), "PX", 60_000)
        assert (await limiter.hit(limit, "alice")).remaining == 0

    async def test_a_failed_batch_counts_each_hit_in_this_process(
        self, client: ServiceClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "_HIT", "return redis.error_reply('OOM full')")
        limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
        limit = LIMITS[0]
        results = await asyncio.gather(*(limiter.hit(limit, "alice") for _ in range(4)))
        assert [each.remaining for each in results] == [2, 1, 0, 0]
        assert [each.allowed for each in results] == [True, True, True, False]

    async def test_a_full_server_counts_none_of_the_hits(self, new_redis: NewServer) -> None:
        limit = Limit("orders", 5, 6_000)
        with new_redis() as server:
            async with connected(server.url) as client:
                limiter = RedisRateLimiter(client, MemoryRateLimiter(MovableClock().monotonic))
                await client.execute("CONFIG", "SET", "maxmemory", "1")
                results: list[RateLimitResult] = await asyncio.gather(
                    *(limiter.hit(limit, key) for key in KEYS)
                )
                assert [each.remaining for each in results] == [4, 4, 4]
                await client.execute("CONFIG", "SET", "maxmemory", "0")
                assert await client.execute("KEYS", "*limit:*") == []


class TestOffers:
    async def test_offers_of_one_iteration_share_a_script_call(
        self, client: ServiceClient, sent: list[Sequence[Any]]
    ) -> None:
        cache, orders = client.cache(), [an_order_id() for _ in range(MAX_CALLS + 20)]
        for order_id in orders:
            lease = cache.reserve(order_id)
            assert lease is not None
            cache.offer(order_id, a_document(), lease)
        await client.execute("PING")
        keys = [command[2] for command in sent if command[0] == "EVALSHA"]
        assert keys == [MAX_CALLS + 2, 22]
        await client.execute("PING")  # the script may have been sent again
        for order_id in orders:
            assert (await cache.get(order_id)).state is CacheState.HIT

    async def test_a_rejected_offer_does_not_affect_the_others(self, client: ServiceClient) -> None:
        cache = client.cache()
        changed, late, new = (an_order_id() for _ in range(3))
        lease = cache.reserve(new)
        assert lease is not None
        await client.execute("SCRIPT", "LOAD", OFFER)
        await cache.put(changed, a_document(2))
        cache.offer(changed, a_document(), lease)
        cache.offer(late, a_document(), f"{lease.split('.')[0]}.1")
        cache.offer(new, a_document(), lease)
        found = [(await cache.get(each)).state for each in (changed, late, new)]
        assert found == [CacheState.MISS, CacheState.MISS, CacheState.HIT]

    async def test_a_later_command_is_executed_after_an_earlier_offer(
        self, client: ServiceClient
    ) -> None:
        cache, order_id = client.cache(), an_order_id()
        await client.execute("SCRIPT", "LOAD", OFFER)
        lease = cache.reserve(order_id)
        assert lease is not None
        client.send("ECHO", "an earlier command")
        cache.offer(order_id, a_document(), lease)
        assert (await cache.get(order_id)).state is CacheState.HIT
