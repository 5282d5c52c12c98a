"""Test the test servers: they start, stop, crash, freeze and keep their data."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis import Redis
from redis.exceptions import RedisError

from tests.servers.databases import create_database, drop_database, fetch_value, fresh_database
from tests.servers.plugin import NewServer, Shared
from tests.servers.server import Kind, Server
from tests.servers.watchdog import is_alive, process_tree
from tests.support.deadlines import LONG

Result = TypeVar("Result")

#: The start of a login (PostgreSQL, "Message Formats"): the length, version 3.0 and parameters.
_STARTUP_MESSAGE = b"\0\0\0\x17\0\3\0\0user\0postgres\0\0"
_HAS_ENOUGH_CONNECTIONS = "SELECT current_setting('max_connections')::int >= 100"


def _redis(url: str, work: Callable[[Redis], Result], timeout: float = LONG) -> Result:
    with Redis.from_url(url, socket_timeout=timeout) as client:
        return work(client)


async def _make_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=3, replication_factor=1)])
    finally:
        await admin.close()


@asynccontextmanager
async def _producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def _send(bootstrap: str, topic: str, *values: bytes) -> None:
    async with _producer(bootstrap) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"key", headers=[("ce_id", value)])


async def _read(bootstrap: str, topic: str, group: str, count: int) -> list[Any]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        records = [await asyncio.wait_for(consumer.getone(), LONG) for _ in range(count)]
        await consumer.commit()
    finally:
        await consumer.stop()
    return records


def _connect(server: Server) -> socket.socket:
    address = urlsplit(server.url)
    assert address.hostname
    assert address.port
    return socket.create_connection((address.hostname, address.port), timeout=LONG)


async def _exceeds(seconds: float, work: Awaitable[Any]) -> bool:
    try:
        await asyncio.wait_for(work, seconds)
    except TimeoutError:
        return True
    return False


def test_a_fresh_database_is_like_its_template_and_is_gone_afterwards(
    postgres_server: Shared,
) -> None:
    async def scenario() -> None:
        template = await create_database(postgres_server.url)
        await fetch_value(template, "CREATE TABLE t AS SELECT 7 AS n")
        async with fresh_database(postgres_server.url, template.rpartition("/")[2]) as url:
            assert url != template
            assert await fetch_value(url, "SELECT n FROM t") == 7
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await fetch_value(url, "SELECT 1")
        await drop_database(postgres_server.url, template)

    asyncio.run(scenario())


def test_fresh_databases_are_created_concurrently_from_a_template(postgres_server: Shared) -> None:
    async def scenario() -> None:
        template = await create_database(postgres_server.url)
        name = template.rpartition("/")[2]
        made = await asyncio.gather(
            *(create_database(postgres_server.url, name) for _ in range(8)),
        )
        assert len(set(made)) == 8
        for url in (*made, template):
            await drop_database(postgres_server.url, url)

    asyncio.run(scenario())


def test_postgres_uses_unicode_and_has_enough_connections(postgres_server: Shared) -> None:
    assert asyncio.run(fetch_value(postgres_server.url, "SELECT upper('é')")) == "É"
    assert asyncio.run(fetch_value(postgres_server.url, _HAS_ENOUGH_CONNECTIONS)) is True


def test_a_silent_login_does_not_block_a_drop_for_long(new_postgres: NewServer) -> None:
    with new_postgres() as server, _connect(server) as login:
        login.sendall(_STARTUP_MESSAGE)
        assert login.recv(1) == b"R"  # the server waits for the password
        url = asyncio.run(create_database(server.url))
        asyncio.run(drop_database(server.url, url))


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_postgres_restarts_at_the_same_address_with_its_data(
    new_postgres: NewServer, end: str
) -> None:
    with new_postgres() as server:
        url = server.url
        asyncio.run(fetch_value(url, "CREATE TABLE t AS SELECT 7 AS n"))
        getattr(server, end)()
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset, depending on the listener
            asyncio.run(fetch_value(url, "SELECT 1"))
        server.start()
        assert server.url == url
        assert asyncio.run(fetch_value(url, "SELECT n FROM t")) == 7


def test_postgres_killed_under_load_restarts(new_postgres: NewServer) -> None:
    async def scenario(server: Server) -> None:
        sessions = [await asyncpg.connect(server.url) for _ in range(3)]
        await sessions[0].execute("CREATE TABLE t AS SELECT 7 AS n")
        work = [asyncio.ensure_future(s.execute("SELECT pg_sleep(600)")) for s in sessions]
        await asyncio.sleep(0.1)
        await asyncio.to_thread(server.kill)
        ends = await asyncio.wait_for(asyncio.gather(*work, return_exceptions=True), LONG)
        assert all(isinstance(end, Exception) for end in ends)
        await asyncio.to_thread(server.start)
        assert await fetch_value(server.url, "SELECT n FROM t") == 7

    with new_postgres() as server:
        asyncio.run(scenario(server))


def test_a_frozen_postgres_resumes(new_postgres: NewServer) -> None:
    async def scenario(server: Server) -> None:
        session = await asyncpg.connect(server.url)
        server.pause()
        answer = asyncio.ensure_future(session.fetchval("SELECT 7"))
        assert await _exceeds(0.5, asyncio.shield(answer))
        server.resume()
        assert await asyncio.wait_for(answer, LONG) == 7
        await session.close()

    with new_postgres() as server:
        asyncio.run(scenario(server))


def test_postgres_can_start_empty(new_postgres: NewServer) -> None:
    with new_postgres() as server:
        asyncio.run(fetch_value(server.url, "CREATE TABLE t AS SELECT 7 AS n"))
        server.stop()
        server.start(empty=True)
        with pytest.raises(asyncpg.UndefinedTableError):
            asyncio.run(fetch_value(server.url, "SELECT n FROM t"))


def test_redis_has_version_seven_or_newer(redis_server: Shared) -> None:
    version = _redis(redis_server.url, lambda client: client.info("server")["redis_version"])
    assert int(version.partition(".")[0]) >= 7


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_redis_restarts_with_its_data_or_empty(new_redis: NewServer, end: str) -> None:
    with new_redis() as server:
        url = server.url
        _redis(url, lambda client: client.set("key", "value"))
        getattr(server, end)()
        with pytest.raises(RedisError):
            _redis(url, lambda client: client.ping())
        server.start()
        assert _redis(url, lambda client: client.get("key")) == b"value"
        getattr(server, end)()
        server.start(empty=True)
        assert server.url == url
        assert _redis(url, lambda client: client.get("key")) is None


def test_a_frozen_redis_resumes(new_redis: NewServer) -> None:
    with new_redis() as server:
        server.pause()
        with pytest.raises(RedisError):
            _redis(server.url, lambda client: client.ping(), timeout=0.5)
        server.resume()
        assert _redis(server.url, lambda client: client.ping())


def test_kafka_delivers_keys_and_headers_once_to_a_group(kafka_server: Shared) -> None:
    async def scenario(bootstrap: str) -> None:
        topic = f"topic-{time.time_ns()}"
        await _make_topic(bootstrap, topic)
        await _send(bootstrap, topic, b"one", b"two")
        records = await _read(bootstrap, topic, topic, 2)
        assert [(r.key, r.value, r.headers) for r in records] == [
            (b"key", b"one", (("ce_id", b"one"),)),
            (b"key", b"two", (("ce_id", b"two"),)),
        ]
        await _send(bootstrap, topic, b"three")
        assert [r.value for r in await _read(bootstrap, topic, topic, 1)] == [b"three"]

    asyncio.run(scenario(kafka_server.bootstrap))


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_kafka_restarts_with_its_data_and_groups(new_kafka: NewServer, end: str) -> None:
    with new_kafka() as server:
        bootstrap = server.url
        asyncio.run(_make_topic(bootstrap, "topic"))
        asyncio.run(_send(bootstrap, "topic", b"one", b"two"))
        assert len(asyncio.run(_read(bootstrap, "topic", "group", 2))) == 2
        getattr(server, end)()
        server.start()
        assert server.url == bootstrap
        asyncio.run(_send(bootstrap, "topic", b"three"))
        records = asyncio.run(_read(bootstrap, "topic", "group", 1))
        assert [(r.value, r.offset) for r in records] == [(b"three", 2)]


def test_a_frozen_kafka_resumes(new_kafka: NewServer) -> None:
    async def scenario(server: Server) -> None:
        await _make_topic(server.url, "topic")
        async with _producer(server.url) as producer:
            await producer.send_and_wait("topic", b"before")
            server.pause()
            sent = asyncio.ensure_future(producer.send_and_wait("topic", b"meanwhile"))
            assert await _exceeds(1, asyncio.shield(sent))
            server.resume()
            await asyncio.wait_for(sent, LONG)

    with new_kafka() as server:
        asyncio.run(scenario(server))


def test_a_paused_server_can_be_stopped_and_killed(new_postgres: NewServer) -> None:
    with new_postgres() as server:
        server.pause()
        server.stop()
        server.start()
        server.pause()
        server.kill()
        server.start()
        assert asyncio.run(fetch_value(server.url, "SELECT 7")) == 7


_OWNER = """
import sys, time
from tests.servers import local
from tests.servers.server import Kind
server = local.launch(Kind(sys.argv[1]))
server.start()
server.pause()
print(server.pid, server.folder, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("kind", [Kind.POSTGRES, Kind.REDIS])
def test_a_killed_owner_leaves_no_server_behind(kind: Kind) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, kind], stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout
        pid, folder = owner.stdout.readline().split()
        members = process_tree(int(pid))
        assert Path(folder).exists()
        owner.kill()
    deadline = time.monotonic() + LONG
    while any(map(is_alive, members)) or Path(folder).exists():
        assert time.monotonic() < deadline, "the server or its folder still exists"
        time.sleep(0.05)
