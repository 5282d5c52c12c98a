"""The Redis adapters for the contract suites, each with its own key prefix.

Really waiting would take a minute and depend on the machine's load. Instead, tests move the time:
they bring the expiry of every key closer, and the limiter's script reads the test's clock.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final
from uuid import uuid4

import pytest

from adapters.redis import limits
from adapters.redis.limits import RedisRateLimiter
from adapters.redis.relay_wakeup import RedisRelayWakeup
from application.ports.events import RelayWakeup
from application.ports.limits import Limit, RateLimitResult
from libraries.redis_client.script import Script
from tests.contract.bundles import TTL, Cache, Limiter, PassTime
from tests.servers.plugin import Shared
from tests.support.redis import ServiceClient, connected, listening
from tests.support.time import MovableClock

_AGE: Final = """
local ms = tonumber(ARGV[2])
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  local ttl = redis.call('PTTL', key)
  if ttl > ms then
    redis.call('PEXPIRE', key, ttl - ms)
  elseif ttl >= 0 then
    redis.call('DEL', key)
  end
end
"""

_SERVERS_CLOCK: Final = "redis.call('TIME')"


def client_of_test(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[ServiceClient]:
    """Return a client for the shared server, with its own key prefix."""
    server: Shared = request.getfixturevalue("redis_server")
    return connected(server.url, f"{uuid4().hex}:")


@asynccontextmanager
async def cached_in_redis(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    async with client_of_test(request) as client:
        yield Cache(client.cache(TTL), _passing_time(client))


@asynccontextmanager
async def limited_in_redis(request: pytest.FixtureRequest) -> AsyncIterator[Limiter]:
    async with client_of_test(request) as client:
        clock = MovableClock()
        clock_key = client.key("clock")

        async def pass_time(seconds: float) -> None:
            await clock.advance(seconds)
            now = clock.now()
            await client.execute("SET", f"{clock_key}:s", int(now.timestamp()))
            await client.execute("SET", f"{clock_key}:us", now.microsecond)

        await pass_time(0)
        with pytest.MonkeyPatch.context() as patch:
            for name in ("_HIT", "_REFUND"):
                source: str = getattr(limits, name)
                assert source.count(_SERVERS_CLOCK) == 1
                ours = f"redis.call('MGET', '{clock_key}:s', '{clock_key}:us')"
                patch.setattr(limits, name, source.replace(_SERVERS_CLOCK, ours))
            yield Limiter(RedisRateLimiter(client, fallback=Unused()), pass_time)


class Unused:
    """A fallback that must not be used because Redis is available."""

    async def hit(self, limit: Limit, key: str) -> RateLimitResult:
        raise AssertionError(f"Redis did not count {limit} of {key}")

    async def refund(self, limit: Limit, key: str) -> None:
        raise AssertionError(f"Redis did not give back {limit} of {key}")


class DistantWakeup:
    """Notifies in one process and waits in another."""

    def __init__(self, here: RelayWakeup, there: RedisRelayWakeup) -> None:
        self.notify = here.notify
        self.wait = there.wait
        self._notified = there._notified


@asynccontextmanager
async def wakeup_over_redis(request: pytest.FixtureRequest) -> AsyncIterator[RelayWakeup]:
    async with client_of_test(request) as client, listening(client) as relay_wakeup:
        yield relay_wakeup


@asynccontextmanager
async def distant_wakeup_over_redis(request: pytest.FixtureRequest) -> AsyncIterator[RelayWakeup]:
    async with client_of_test(request) as client, listening(client) as there:
        yield DistantWakeup(RedisRelayWakeup(client), there)


def _passing_time(client: ServiceClient) -> PassTime:
    age = Script(client, _AGE)

    async def pass_time(seconds: float) -> None:
        await age([], client.key_prefix, round(seconds * 1000))

    return pass_time
