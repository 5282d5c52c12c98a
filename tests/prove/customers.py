"""Customers place, change and read orders at all APIs until the end of the run."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from random import Random
from time import monotonic
from typing import Any, Final
from uuid import uuid4

import uvloop

from tests.e2e.service import TEA, User, eventually
from tests.faults.cluster import Cluster
from tests.prove.http_client import HttpClient
from tests.prove.journal import Journal, SeenOrder

_RETRY_SECONDS: Final = 0.1
#: After an outage, customers order faster until they have made up for this time.
_CATCH_UP_SECONDS: Final = 2.0
#: How long a customer tries to get a response to a request after the end of the run.
_GRACE_SECONDS: Final = 30.0
#: Out of how many orders one is paid, paid and shipped, or canceled.
_FATES: Final = (("PAID",), ("PAID", "SHIPPED"), ("CANCELED",), ())
#: A customer reads one of this many orders placed last.
_RECENT: Final = 50
_RETRIED: Final = {409, 429, 503}


class GivenUp(Exception):
    """The run has ended without a response to a request."""


class Customer:
    """A user with a connection to one API after the other."""

    def __init__(self, cluster: Cluster, user: User, journal: Journal, random: Random) -> None:
        self._cluster, self._user, self._journal, self._random = cluster, user, journal, random
        self._http = HttpClient({"Authorization": f"Bearer {user.token}"})
        self._api = random.randrange(len(cluster.apis))
        self._recent: list[SeenOrder] = []
        self.give_up_at = float("inf")

    async def shop(self, stopped: threading.Event, seconds_per_order: float) -> None:
        """Place an order every `seconds_per_order`, or as fast as possible if that is too fast."""
        next_at = monotonic() + self._random.random() * seconds_per_order
        try:
            while not stopped.is_set():
                await self._live_one_order()
                next_at = max(next_at + seconds_per_order, monotonic() - _CATCH_UP_SECONDS)
                await asyncio.sleep(max(0.0, next_at - monotonic()))
        except GivenUp:
            self._journal.unanswered += 1
        finally:
            self._http.close()

    async def _live_one_order(self) -> None:
        order = await self._place()
        for status in self._random.choice(_FATES):
            await self._change(order, status)
        await self._read(self._random.choice((order, self._random.choice(self._recent))))

    async def _place(self) -> SeenOrder:
        key = {"Idempotency-Key": uuid4().hex}
        body = await self._until_answered("POST", "/orders/", 201, TEA, key)
        order = self._journal.placed(body["id"], body["user_id"])
        self._recent = [*self._recent[1 - _RECENT :], order]
        return order

    async def _change(self, order: SeenOrder, status: str) -> None:
        path = f"/orders/{order.id}/"
        body = await self._until_answered("PATCH", path, 200, {"status": status})
        if body["status"] != status:
            self._journal.wrong.append(f"{order.id} was changed to {status}, but is {body}")
        order.acknowledge(body["version"], status)

    async def _read(self, order: SeenOrder) -> None:
        version, acknowledged_at = order.version, order.acknowledged_at
        body = await self._until_answered("GET", f"/orders/{order.id}/", 200)
        if body["version"] < version:
            self._journal.stale_seconds.append(monotonic() - acknowledged_at)

    async def _until_answered(
        self,
        method: str,
        path: str,
        expected: int,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Repeat a request until it has succeeded, and return the response's body.

        Raises:
            GivenUp: the run has ended before.
        """
        sent = b"" if body is None else json.dumps(body).encode()
        while True:
            began = monotonic()
            try:
                base_url = str(self._cluster.apis[self._api].http.base_url)
                answer = await self._http.request(base_url, method, path, sent, headers)
            except OSError as error:
                self._journal.responses[type(error).__name__] += 1
                self._api = (self._api + 1) % len(self._cluster.apis)
            else:
                self._journal.responses[str(answer.status)] += 1
                if answer.status == expected:
                    self._journal.latencies.append(monotonic() - began)
                    return answer.json()
                if answer.status not in _RETRIED:
                    self._journal.wrong.append(f"{method} {path}: {answer.status} {answer.body!r}")
            if monotonic() > self.give_up_at:
                raise GivenUp
            await asyncio.sleep(_RETRY_SECONDS)


def _registered(cluster: Cluster) -> User:
    """Register a user. On a busy machine, a request may reach a deadline of the service."""
    users: list[User] = []

    def is_registered() -> bool:
        with suppress(AssertionError):
            users.append(cluster.api.register())
        return bool(users)

    eventually(is_registered)
    return users[0]


@contextmanager
def customers_at(
    cluster: Cluster, journal: Journal, seed: int, customers: int, orders_per_second: float
) -> Iterator[None]:
    """Let customers shop in a thread until the end of the block."""
    stopped = threading.Event()
    users = [_registered(cluster) for _ in range(customers)]
    random = Random(seed)
    shoppers = [Customer(cluster, user, journal, Random(random.random())) for user in users]

    async def shop() -> None:
        pause = customers / orders_per_second
        await asyncio.gather(*(each.shop(stopped, pause) for each in shoppers))

    failures: list[BaseException] = []

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(shop())
        except BaseException as error:  # noqa: BLE001 - raised below, in the other thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        for each in shoppers:
            each.give_up_at = monotonic() + _GRACE_SECONDS
        stopped.set()
        thread.join()
    if failures:
        raise failures[0]
