"""A production deployment on one machine, with separate processes for each role."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol, Self
from uuid import uuid4

from adapters.kafka.connection import KafkaConnection
from tests.e2e.service import (
    NO_LIMITS,
    START_TIMEOUT_SECONDS,
    OrdersProcess,
    Service,
    User,
    a_data_dir,
    eventually,
)
from tests.integration.kafka_tools import Kafka
from tests.servers.databases import create_database, drop_database, fetch_value
from tests.support.postgres import beside, migrate_database

SECRET: Final = "a key of thirty-two bytes or more"
#: Seconds until a backlog must be drained, even on a busy machine.
_DRAIN_TIMEOUT_SECONDS: Final = 300.0
_UNFINISHED: Final = """
SELECT (SELECT count(*) FROM orders WHERE processed_at IS NULL)
     + (SELECT count(*) FROM outbox WHERE published_at IS NULL)
"""
#: All steps of all orders, including creations. If no response was lost, customers have received
#: this number of changes.
_STEPS: Final = "SELECT count(*) FROM order_history"
_ORDERS: Final = "SELECT count(*) FROM orders"
_DEAD_LETTERS: Final = "SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL"
#: The audit's counts that make it exit with 1. `missing` is only counted with `--broker`.
_FAULTS: Final = ("lost", "duplicated", "stuck", "missing")
#: How much of the end of each log is added to a failure.
_TAIL_CHARACTERS: Final = 3_000


class HasUrl(Protocol):
    """A server with a `url`."""

    @property
    def url(self) -> str: ...


class Role(OrdersProcess):
    """Run `orders relay`, `orders consume` or `orders work` in a process."""

    def __init__(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:
        super().__init__(name, folder, settings)
        self.name = name

    def start(self) -> Self:
        """Start the process and wait until it is ready."""
        log_bytes = self._log_bytes
        self.spawn()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while f'"orders {self.name} is ready."' not in self._log_after(log_bytes):
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        return self

    def pause(self) -> None:
        """Freeze the process."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume a frozen process."""
        self.process.send_signal(signal.SIGCONT)


class Cluster:
    """Several processes for each role, sharing one database, one Redis and one Kafka."""

    def __init__(self, folder: Path, settings: Mapping[str, str], each: int) -> None:
        self.settings = dict(settings)
        self._folder = folder
        self.apis = [Service(folder, settings) for _ in range(each)]
        self.relays = [self.role("relay") for _ in range(each)]
        self.consumers = [self.role("consume") for _ in range(each)]
        self.workers = [self.role("work") for _ in range(each)]

    @property
    def processes(self) -> Sequence[Service | Role]:
        """All processes."""
        return [*self.apis, *self.relays, *self.consumers, *self.workers]

    @property
    def api(self) -> Service:
        """The first API."""
        return self.apis[0]

    def role(self, name: str, **settings: str) -> Role:
        """Return another process for a role. The caller starts and closes it."""
        return Role(name, self._folder, self.settings | settings)

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run another command with the same settings."""
        return self.api.run(*command, **settings)

    def audit(self, **settings: str) -> dict[str, Any]:
        """Return the report from `orders audit`. Assert that its exit code is 1 if and only if the
        report shows a fault.
        """
        return _report_of(self.run("audit", "--json", **settings))

    def audit_broker(self) -> dict[str, Any]:
        """Return the report from `orders audit --broker`, with the same assertion."""
        return _report_of(self.api.audit_broker("--json"))

    def assert_drained(self, orders: int) -> None:
        """Wait until this number of orders has been processed, each exactly once.

        All events must be published and in Kafka, and there must not be any dead letters.
        """
        self.wait_until_finished()
        report = self.audit_broker()
        clean = dict.fromkeys(("pending", "uncompared", *_FAULTS), 0)
        done = dict.fromkeys(("orders", "published", "processed"), orders)
        assert {name: report[name] for name in done | clean} == done | clean, report
        assert self.dead_letters() == 0

    def wait_until_finished(self) -> None:
        """Wait until all orders are processed and all events published. Don't run an audit."""
        eventually(lambda: not self._count(_UNFINISHED), within=_DRAIN_TIMEOUT_SECONDS)

    def steps(self) -> int:
        """Return the total number of steps, including each order's creation."""
        return self._count(_STEPS)

    def orders(self) -> int:
        """Return the number of orders."""
        return self._count(_ORDERS)

    def dead_letters(self) -> int:
        """Return the number of dead letters that have not been replayed."""
        return self._count(_DEAD_LETTERS)

    def _count(self, statement: str) -> int:
        return int(beside(fetch_value, self.settings["DATABASE_URL"], statement))

    def messages(self, topic: str) -> list[Any]:
        """Read all messages in a topic with an independent consumer."""
        connection = KafkaConnection(
            self.settings["KAFKA_BOOTSTRAP_SERVERS"],
            topic_prefix=self.settings["KAFKA_TOPIC_PREFIX"],
        )

        async def read() -> list[Any]:
            async with AsyncExitStack() as stack:
                return await Kafka(connection, stack).read_all(topic)

        return beside(read)

    def send(self, topic: str, *messages: dict[str, Any]) -> None:
        """Send messages with another producer."""

        async def write() -> None:
            async with AsyncExitStack() as stack:
                await Kafka(self._connection, stack).write(*messages, topic=topic)

        beside(write)

    def send_undecodable(self, topic: str, count: int) -> None:
        """Send records that the client library can't decode."""

        async def write() -> None:
            async with AsyncExitStack() as stack:
                for _ in range(count):
                    await Kafka(self._connection, stack).write_unreadable(topic)

        beside(write)

    @property
    def _connection(self) -> KafkaConnection:
        return KafkaConnection(
            self.settings["KAFKA_BOOTSTRAP_SERVERS"],
            topic_prefix=self.settings["KAFKA_TOPIC_PREFIX"],
        )

    def tail(self) -> str:
        """Return the last lines of each process's log."""
        return "\n\n".join(
            f"--- {type(each).__name__} {getattr(each, 'name', '')}\n{each.log[-_TAIL_CHARACTERS:]}"
            for each in self.processes
        )


def _report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == any(report.get(bad) for bad in _FAULTS)
    return report


@contextmanager
def a_cluster(
    postgres: HasUrl,
    redis: HasUrl,
    kafka: HasUrl,
    each: int = 1,
    files: Mapping[str, str] | None = None,
    **settings: str,
) -> Iterator[Cluster]:
    """Run a cluster with its own data, and stop it gracefully at the end.

    `files` are written to the processes' working directory. If a test fails, the failure includes
    the end of their logs, and all processes are killed.
    """
    prefix = f"t{uuid4().hex[:8]}."
    with ExitStack() as stack:
        database = stack.enter_context(_a_database(postgres.url))
        folder = stack.enter_context(a_data_dir())
        for name, text in (files or {}).items():
            (folder / name).write_text(text)
        cluster = Cluster(
            folder,
            {
                "DATABASE_URL": database,
                "REDIS_URL": redis.url,
                "KAFKA_BOOTSTRAP_SERVERS": kafka.url,
                "KAFKA_TOPIC_PREFIX": prefix,
                "REDIS_PREFIX": prefix,
                "JWT_SECRET_KEY": SECRET,
                "PROCESSING_DELAY": "0",
                **NO_LIMITS,
                **settings,
            },
            each,
        )
        for process in cluster.processes:
            stack.callback(process.close)
        try:
            beside(migrate_database, database)
            run_concurrently(process.start for process in cluster.processes)
            yield cluster
            run_concurrently(process.stop for process in cluster.processes)
        except BaseException as error:
            error.add_note(cluster.tail())
            raise


@contextmanager
def _a_database(server_url: str) -> Iterator[str]:
    url = beside(create_database, server_url)
    try:
        yield url
    finally:
        with suppress(OSError):  # its server may still be stopped after a failed test
            beside(drop_database, server_url, url)


def run_concurrently(actions: Iterable[Callable[[], object]]) -> None:
    """Run all actions concurrently. Once all of them have ended, raise the first failure."""
    with ThreadPoolExecutor(16) as pool:
        done = [pool.submit(action) for action in actions]
    for each in done:
        each.result()


def user_at(api: Service, user: User) -> User:
    """Return the same user, connected to another API."""
    return User(api, user.id, user.email, user.token)
