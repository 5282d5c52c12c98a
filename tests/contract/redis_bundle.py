"""Redis's adapters for the suites, each with a corner of the shared server to itself.

Waiting would take a minute. Time passes here by making everything stored older: it has so much
less time to live, and what a bucket holds was poured in so much earlier.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

import pytest

from adapters.redis.bell import RedisOutboxBell
from adapters.redis.cache import RedisOrderCache
from adapters.redis.limits import RedisRateLimiter
from adapters.redis.link import RedisLink
from application.ports.events import OutboxBell
from application.ports.limits import Allowance, Limit
from tests.contract.bundles import TTL, Cache, Limiter, PassTime
from tests.servers.plugin import Shared

_AGE: Final = """
local ms = tonumber(ARGV[2])
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  local ttl = redis.call('PTTL', key)
  if ttl <= ms then
    redis.call('DEL', key)
  else
    local value = redis.call('GET', key)
    local filled, at = string.match(value, '^(%d+) (%d+)$')
    if at then value = string.format('%s %.0f', filled, at - ms * 1000) end
    redis.call('SET', key, value, 'PX', ttl - ms)
  end
end
"""


@asynccontextmanager
async def linked(request: pytest.FixtureRequest) -> AsyncIterator[RedisLink]:
    """A link to the shared server, under a prefix that nobody else has."""
    server: Shared = request.getfixturevalue("redis_server")
    # What is right is judged here, not how fast: this machine may be busy with other tests.
    link = RedisLink(server.url, f"{uuid4().hex}:", at_most=10)
    assert await link.open(10)
    try:
        yield link
    finally:
        await link.close()


@asynccontextmanager
async def cached_in_redis(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    async with linked(request) as link:
        yield Cache(RedisOrderCache(link, TTL), _ageing(link))


@asynccontextmanager
async def limited_in_redis(request: pytest.FixtureRequest) -> AsyncIterator[Limiter]:
    async with linked(request) as link:
        yield Limiter(RedisRateLimiter(link, otherwise=Nobody()), _ageing(link))


class Nobody:
    """`RateLimiter` that is not to be asked: Redis is there."""

    async def take(self, limit: Limit, key: str) -> Allowance:
        raise AssertionError(f"Redis did not count {limit} of {key}")

    async def give_back(self, limit: Limit, key: str) -> None:
        raise AssertionError(f"Redis did not give back {limit} of {key}")


class DistantBell:
    """Rings in one process and is heard in another."""

    def __init__(self, here: OutboxBell, there: OutboxBell) -> None:
        self.ring = here.ring
        self.wait = there.wait


@asynccontextmanager
async def bell_over_redis(request: pytest.FixtureRequest) -> AsyncIterator[OutboxBell]:
    async with linked(request) as link, _listening(RedisOutboxBell(link)) as bell:
        yield bell


@asynccontextmanager
async def distant_bell_over_redis(request: pytest.FixtureRequest) -> AsyncIterator[OutboxBell]:
    async with linked(request) as link, _listening(RedisOutboxBell(link)) as there:
        yield DistantBell(RedisOutboxBell(link), there)


@asynccontextmanager
async def _listening(bell: RedisOutboxBell) -> AsyncIterator[RedisOutboxBell]:
    assert await bell.open(10)
    try:
        yield bell
    finally:
        await bell.close()


def _ageing(link: RedisLink) -> PassTime:
    age = link.script(_AGE)

    async def pass_time(seconds: float) -> None:
        await age([], link.prefix, round(seconds * 1000))

    return pass_time
