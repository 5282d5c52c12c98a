"""Readiness reports why Redis is unusable even though it responds to PING."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from entrypoints.composition.checks import CacheChecks
from entrypoints.composition.container import make_container
from entrypoints.observability import readiness
from entrypoints.observability.readiness import Readiness, Report
from entrypoints.settings import load_settings
from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable
from tests.servers.plugin import NewServer
from tests.servers.server import Server
from tests.support.app import UNLIMITED
from tests.support.deadlines import LONG

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

SECRET = "pw-of-ada"


@pytest.fixture(autouse=True)
def _long_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_CHECK_SECONDS", LONG)
    monkeypatch.setattr(readiness, "_SHARED_SECONDS", 0.0)
    monkeypatch.setattr("libraries.redis_client.reconnector._REFRESH_AFTER_SECONDS", 0.0)
    monkeypatch.setattr("libraries.redis_client.reconnector._EXPIRES_AFTER_SECONDS", 0.0)


@pytest.fixture
def server(new_redis: NewServer) -> Iterator[Server]:
    with new_redis() as server:
        yield server


@pytest.fixture
async def operator(server: Server) -> AsyncIterator[Any]:
    redis: Any = Redis.from_url(server.url)
    async with redis:
        await redis.execute_command(
            "ACL", "SETUSER", "ada", "on", f">{SECRET}", "~*", "&*", "+@all"
        )
        yield redis


@asynccontextmanager
async def a_process(server: Server) -> AsyncIterator[tuple[Readiness, RedisClient]]:
    """Yield the readiness checks for a process that logs in to Redis as ada."""
    url = server.url.replace("redis://", f"redis://ada:{SECRET}@")
    settings = load_settings(UNLIMITED | {"REDIS_URL": url, "REDIS_PREFIX": "shop:"})
    container = make_container(settings)
    try:
        checks = await container.get(CacheChecks)
        yield Readiness({}, checks), await container.get(RedisClient)
    finally:
        await container.close()


async def report_of(ready: Readiness, status: str) -> Report:
    async with asyncio.timeout(LONG):
        while (report := await ready()).status != status:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.05)
    return report


Change = Callable[[Any], Awaitable[object]]


async def fill(redis: Any) -> None:
    await redis.config_set("maxmemory-policy", "noeviction")
    await redis.config_set("maxmemory", "1")


async def make_room(redis: Any) -> None:
    await redis.config_set("maxmemory", "0")


async def make_a_replica(redis: Any) -> None:
    await redis.execute_command("REPLICAOF", "127.0.0.1", "1")


async def promote(redis: Any) -> None:
    await redis.execute_command("REPLICAOF", "NO", "ONE")


async def fail_to_save(redis: Any) -> None:
    await redis.config_set("save", "3600 1")
    await redis.set("something", "to save")
    folder = Path((await redis.config_get("dir"))["dir"])
    shutil.rmtree(folder)
    await redis.bgsave()
    async with asyncio.timeout(LONG):
        while (await redis.info("persistence"))["rdb_last_bgsave_status"] == "ok":  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.05)


async def accept_it(redis: Any) -> None:
    await redis.config_set("stop-writes-on-bgsave-error", "no")


def acl(*rules: str) -> Change:
    async def set_rules(redis: Any) -> None:
        await redis.execute_command("ACL", "SETUSER", "ada", *rules)

    return set_rules


def of_another_type(*words: str) -> Change:
    async def put(redis: Any) -> None:
        await redis.delete(words[1])
        await redis.execute_command(*words)

    return put


def without(key: str) -> Change:
    async def delete(redis: Any) -> None:
        await redis.delete(key)

    return delete


TASKS, GENERATION = "shop:{tasks}", "shop:{orders}:cache:generation"
CASES: dict[str, tuple[Change, Change, str]] = {
    "full": (fill, make_room, "raise maxmemory"),
    "replica": (make_a_replica, promote, "name the primary"),
    "no snapshot": (fail_to_save, accept_it, "its disk"),
    "no scripts": (acl("-@scripting"), acl("+@scripting"), "lacks a right"),
    "no writes": (acl("-@write"), acl("+@write"), "lacks a right"),
    "another prefix": (acl("resetkeys", "~ada:*"), acl("~*"), "lacks a right"),
    "stream": (of_another_type("SET", TASKS, "x"), without(TASKS), f"(key {TASKS})"),
    "delayed": (
        of_another_type("SET", f"{TASKS}:delayed", "x"),
        without(f"{TASKS}:delayed"),
        "set REDIS_PREFIX",
    ),
    "generation": (
        of_another_type("LPUSH", GENERATION, "x"),
        without(GENERATION),
        GENERATION,
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_an_unusable_redis_is_down_until_it_is_repaired(
    server: Server, operator: Any, name: str
) -> None:
    break_it, mend, reason = CASES[name]
    async with a_process(server) as (ready, _):
        assert (await report_of(ready, "ok")).reasons == {}
        await break_it(operator)
        report = await report_of(ready, "degraded")
        assert report.checks == {"redis": "down"}
        assert report.reasons["redis"].startswith("REDIS_URL: ")
        assert reason in report.reasons["redis"]
        assert SECRET not in report.reasons["redis"]
        await mend(operator)
        await report_of(ready, "ok")


async def test_a_key_of_a_wrong_type_is_reported(server: Server, operator: Any) -> None:
    await operator.set("shop:{orders}:lease:1", "a foreigner")
    async with a_process(server) as (ready, link):
        await report_of(ready, "ok")
        with pytest.raises(RedisUnavailable):
            await link.execute("LPUSH", link.key("lease:1"), "x")
        report = await ready()
    assert "set REDIS_PREFIX" in report.reasons["redis"]


MANUAL = Path("docs/operations.md").read_text()


async def test_the_rights_in_the_manual_are_sufficient(server: Server, operator: Any) -> None:
    assert "~shop:* &shop:* +@all -@dangerous +info" in MANUAL
    rules = ("resetkeys", "resetchannels", "~shop:*", "&shop:*", "-@all", "+@all", "-@dangerous")
    await acl(*rules, "+info")(operator)
    async with a_process(server) as (ready, _):
        assert (await report_of(ready, "ok")).reasons == {}
