"""Idle processes send few commands to their servers: some databases are billed by use."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from redis import Redis

from tests.e2e.backing_services import ROLES, SECRET, a_role, migrate
from tests.e2e.service import (
    NO_LIMITS,
    Service,
    running_service,
)
from tests.servers.databases import create_database, drop_database, fetch_value
from tests.servers.plugin import NewServer, Shared
from tests.support.postgres import beside

#: The measured time. A slow machine can only reduce the number of commands.
REST_SECONDS = 10.0
#: Time until the work of an order is done and counted. PostgreSQL updates its statistics late.
SETTLED_SECONDS = 12.0
_TRANSACTIONS = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1"


def commands(redis: Any) -> int:
    """Return the number of commands that Redis has run, including those of scripts."""
    stats: dict[str, dict[str, int]] = redis.info("commandstats")
    return sum(each["calls"] for name, each in stats.items() if name != "cmdstat_info")


def transactions(server_url: str, database_url: str) -> int:
    """Return the number of transactions of a database, queried from another database."""
    name = urlsplit(database_url).path.removeprefix("/")
    return int(beside(fetch_value, server_url, _TRANSACTIONS, name))


@dataclass
class Shape:
    """A service with its own Redis and database."""

    service: Service
    redis: Any
    database_url: str


@contextmanager
def running_shape(
    new_redis: NewServer, postgres_server: Shared, kafka: Shared | None
) -> Iterator[Shape]:
    """Run the embedded service with Redis and PostgreSQL, or each role as a process with all
    servers.
    """
    with ExitStack() as stack:
        redis_url = stack.enter_context(new_redis()).url
        database_url = beside(create_database, postgres_server.url)
        stack.callback(beside, drop_database, postgres_server.url, database_url)
        settings = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "PROCESSING_DELAY": "0"}
        settings |= NO_LIMITS | SECRET
        if kafka is not None:
            prefix = f"t{uuid4().hex[:8]}."
            settings |= {"KAFKA_BOOTSTRAP_SERVERS": kafka.url, "KAFKA_TOPIC_PREFIX": prefix}
            migrate(settings)
            for role in ROLES:
                stack.enter_context(a_role(role, settings))
        service = stack.enter_context(running_service(**settings))
        redis = stack.enter_context(Redis.from_url(redis_url))
        yield Shape(service, redis, database_url)


def test_idle_processes_cause_less_than_one_command_and_transaction_per_second(
    kafka_server: Shared, postgres_server: Shared, new_redis: NewServer
) -> None:
    with (
        running_shape(new_redis, postgres_server, None) as one_process,
        running_shape(new_redis, postgres_server, kafka_server) as four_processes,
    ):
        shapes = [one_process, four_processes]

        def counts() -> list[tuple[int, int]]:
            return [
                (commands(shape.redis), transactions(postgres_server.url, shape.database_url))
                for shape in shapes
            ]

        for shape in shapes:
            shape.service.register().processed_order()
        time.sleep(SETTLED_SECONDS)
        before = counts()
        time.sleep(REST_SECONDS)
        counted = [
            (redis - redis_before, postgres - postgres_before)
            for (redis_before, postgres_before), (redis, postgres) in zip(
                before, counts(), strict=True
            )
        ]
        assert all(count < REST_SECONDS for each in counted for count in each), counted
        for shape in shapes:
            shape.service.register().processed_order()
