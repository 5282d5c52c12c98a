"""The production shape on one machine: each role in processes of its own, some of each."""

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

import asyncpg

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
from tests.servers.databases import create_database, drop_database
from tests.support.postgres import beside

SECRET: Final = "a key of thirty-two bytes or more"
#: Seconds in which a backlog drains, also on a busy machine.
_DRAIN_WITHIN: Final = 300.0
_UNFINISHED: Final = """
SELECT (SELECT count(*) FROM orders WHERE processed_at IS NULL)
     + (SELECT count(*) FROM outbox WHERE published_at IS NULL)
"""
#: What customers have been told of, if no answer was lost: every creation and every other step.
_STEPS: Final = "SELECT count(*) FROM order_history"
#: Characters of each process's log that a failure is told with.
_TAIL_LINES: Final = 3_000


class Found(Protocol):
    """A server, whoever it belongs to."""

    @property
    def url(self) -> str: ...


class Role(OrdersProcess):
    """`orders relay`, `orders consume` or `orders work` as a process."""

    def __init__(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:
        super().__init__(name, folder, settings)
        self.name = name

    def start(self) -> Self:
        """Start it, and wait until it is ready."""
        said = len(self.log)
        self.spawn()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while f'"orders {self.name} is ready."' not in self.log[said:]:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        return self

    def pause(self) -> None:
        """Hang it."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End a pause."""
        self.process.send_signal(signal.SIGCONT)


class Cluster:
    """So many APIs, relays, consumers and workers over one database, one Redis and one Kafka."""

    def __init__(self, folder: Path, settings: Mapping[str, str], each: int) -> None:
        self.settings = dict(settings)
        self._folder = folder
        self.apis = [Service(folder, settings) for _ in range(each)]
        self.relays = [self.role("relay") for _ in range(each)]
        self.consumers = [self.role("consume") for _ in range(each)]
        self.workers = [self.role("work") for _ in range(each)]

    @property
    def processes(self) -> Sequence[Service | Role]:
        """All of them."""
        return [*self.apis, *self.relays, *self.consumers, *self.workers]

    @property
    def api(self) -> Service:
        """The first of the APIs."""
        return self.apis[0]

    def role(self, name: str, **settings: str) -> Role:
        """One more process, not started and not the cluster's to end."""
        return Role(name, self._folder, self.settings | settings)

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run another command beside it."""
        return self.api.run(*command, **settings)

    def audit(self, **settings: str) -> dict[str, Any]:
        """What `orders audit` says; it exits with 1 where something is wrong, and only there."""
        done = self.run("audit", "--json", **settings)
        assert done.stdout, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == any(report[bad] for bad in ("lost", "duplicated", "stuck"))
        return report

    def drained(self, orders: int) -> None:
        """Wait until all that was placed is processed: so many orders, each exactly once.

        Everything is published, and none of them is a dead letter.
        """
        self.finishes()
        report = self.audit()
        clean = {"pending": 0, "lost": 0, "duplicated": 0, "stuck": 0}
        done = dict.fromkeys(("orders", "published", "processed"), orders)
        assert {name: report[name] for name in done | clean} == done | clean, report
        assert self.run("dlq", "list").stdout == "No dead letter waits.\n"

    def finishes(self) -> None:
        """Wait until every order is processed and every event published; an audit would be slow."""
        eventually(lambda: not self._count(_UNFINISHED), within=_DRAIN_WITHIN)

    def steps(self) -> int:
        """How many steps all orders have taken, their creations among them."""
        return self._count(_STEPS)

    def _count(self, statement: str) -> int:
        return beside(_counted, self.settings["DATABASE_URL"], statement)

    def seen(self, topic: str) -> list[Any]:
        """All messages of a topic, as a consumer of nobody's acquaintance sees them."""
        connection = KafkaConnection(
            self.settings["KAFKA_BOOTSTRAP_SERVERS"],
            topic_prefix=self.settings["KAFKA_TOPIC_PREFIX"],
        )

        async def read() -> list[Any]:
            async with AsyncExitStack() as stack:
                return await Kafka(connection, stack).read_all(topic)

        return beside(read)

    def send(self, topic: str, *messages: dict[str, Any]) -> None:
        """Messages of a stranger."""

        async def write() -> None:
            async with AsyncExitStack() as stack:
                await Kafka(self._connection, stack).write(*messages, topic=topic)

        beside(write)

    def send_undecodable(self, topic: str, count: int) -> None:
        """Records that the client library cannot decode."""

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
        """The end of what each process said."""
        return "\n\n".join(
            f"--- {type(each).__name__} {getattr(each, 'name', '')}\n{each.log[-_TAIL_LINES:]}"
            for each in self.processes
        )


@contextmanager
def a_cluster(
    postgres: Found,
    redis: Found,
    kafka: Found,
    each: int = 1,
    files: Mapping[str, str] | None = None,
    **settings: str,
) -> Iterator[Cluster]:
    """A cluster that serves, with nobody else's data, stopped in order at the end.

    `files` are in the working directory of its processes.

    A failure is told with what its processes said last; nothing of it is left running.
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
            assert cluster.run("migrate").returncode == 0
            together(process.start for process in cluster.processes)
            yield cluster
            together(process.stop for process in cluster.processes)
        except BaseException as error:
            error.add_note(cluster.tail())
            raise


async def _counted(url: str, statement: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        count: int = await connection.fetchval(statement)
        return count
    finally:
        await connection.close()


@contextmanager
def _a_database(server_url: str) -> Iterator[str]:
    url = beside(create_database, server_url)
    try:
        yield url
    finally:
        with suppress(OSError):  # a test that failed may have left its server away
            beside(drop_database, server_url, url)


def together(acts: Iterable[Callable[[], object]]) -> None:
    """Do all of it at the same time; the first failure is raised when all have ended."""
    with ThreadPoolExecutor(16) as pool:
        done = [pool.submit(act) for act in acts]
    for each in done:
        each.result()


def through(api: Service, user: User) -> User:
    """The same user at another API."""
    return User(api, user.id, user.email, user.token)
