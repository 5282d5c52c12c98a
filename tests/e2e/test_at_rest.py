"""Idle processes send few commands to their servers: some databases are billed by use."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any
from uuid import uuid4

from redis import Redis

from tests.e2e.backing_services import ROLES, SECRET, a_role, migrate
from tests.e2e.service import (
    NO_LIMITS,
    Service,
    running_service,
)
from tests.servers.databases import create_database, drop_database
from tests.servers.plugin import NewServer, Shared
from tests.support.postgres import beside
from tests.support.transaction_counter import TransactionCounter

#: The promise holds for any period of this length.
REST_SECONDS = 10.0
#: The two counts are within one such period, unless the machine is slow.
PAUSE_SECONDS = 9.5
#: Time until the work of an order is done.
SETTLED_SECONDS = 3.0
#: On a slow machine, the first periods still include work of the orders.
MAX_PERIODS = 4


def commands(redis: Any) -> int:
    """Return the number of commands that Redis has run, including those of scripts."""
    stats: dict[str, dict[str, int]] = redis.info("commandstats")
    return sum(each["calls"] for name, each in stats.items() if name != "cmdstat_info")


@dataclass
class Shape:
    """A service with its own Redis and database."""

    service: Service
    redis: Any
    postgres: TransactionCounter

    def counts(self) -> tuple[int, int]:
        """Return the numbers of commands and of transactions so far."""
        return commands(self.redis), self.postgres.completed


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
        postgres = stack.enter_context(TransactionCounter.to(database_url))
        settings = {"DATABASE_URL": postgres.through(database_url), "REDIS_URL": redis_url}
        settings |= {"PROCESSING_DELAY": "0", **NO_LIMITS, **SECRET}
        if kafka is not None:
            prefix = f"t{uuid4().hex[:8]}."
            settings |= {"KAFKA_BOOTSTRAP_SERVERS": kafka.url, "KAFKA_TOPIC_PREFIX": prefix}
            migrate(settings)
            for role in ROLES:
                stack.enter_context(a_role(role, settings))
        service = stack.enter_context(running_service(**settings))
        redis = stack.enter_context(Redis.from_url(redis_url))
        yield Shape(service, redis, postgres)


def counts_at_rest(shapes: Sequence[Shape]) -> list[tuple[float, float]]:
    """Return the commands and transactions of each shape for each started period of rest."""
    start = time.monotonic()
    before = [shape.counts() for shape in shapes]
    time.sleep(PAUSE_SECONDS)
    after = [shape.counts() for shape in shapes]
    periods = ceil((time.monotonic() - start) / REST_SECONDS)
    return [
        ((redis - redis_before) / periods, (postgres - postgres_before) / periods)
        for (redis_before, postgres_before), (redis, postgres) in zip(before, after, strict=True)
    ]


def test_idle_processes_cause_less_than_one_command_and_transaction_per_second(
    kafka_server: Shared, postgres_server: Shared, new_redis: NewServer
) -> None:
    with (
        running_shape(new_redis, postgres_server, None) as one_process,
        running_shape(new_redis, postgres_server, kafka_server) as four_processes,
    ):
        shapes = [one_process, four_processes]
        for shape in shapes:
            shape.service.register().processed_order()
        time.sleep(SETTLED_SECONDS)
        assert all(shape.postgres.completed for shape in shapes)
        for _ in range(MAX_PERIODS):
            counted = counts_at_rest(shapes)
            if all(count < REST_SECONDS for each in counted for count in each):
                break
        assert all(count < REST_SECONDS for each in counted for count in each), counted
        for shape in shapes:
            shape.service.register().processed_order()
