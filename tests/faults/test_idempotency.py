"""Repeat requests with one key at two APIs that are killed in between. Each key has one order."""

from collections import Counter
from itertools import count
from threading import Event, Thread
from typing import Final
from uuid import uuid4

import httpx

from tests.e2e.assertions import concurrently
from tests.e2e.service import TEA, User, eventually
from tests.faults.cluster import Cluster, a_cluster, user_at
from tests.servers.plugin import Shared

KEYS: Final = 6
REQUESTS_PER_KEY: Final = 20


class Customer:
    """Repeats one request with one key until the response is the order."""

    def __init__(self, users: tuple[User, ...], key: str) -> None:
        self._users = users
        self._headers = {"Idempotency-Key": key}
        self.attempts: Counter[int | str] = Counter()
        self.order = b""

    def __call__(self) -> None:
        turns = count()
        eventually(lambda: self._post(self._users[next(turns) % len(self._users)]))

    def _post(self, user: User) -> bool:
        try:
            answer = user.request("POST", "/orders/", json=TEA, headers=self._headers)
        except httpx.TransportError:
            self.attempts["broken"] += 1
            return False
        self.attempts[answer.status_code] += 1
        self.order = answer.content
        return answer.status_code == 201


def kill_in_turn(cluster: Cluster, is_over: Event) -> None:
    """Kill and restart one API after the other."""
    for turn in count():
        if is_over.is_set():
            return
        api = cluster.apis[turn % len(cluster.apis)]
        api.kill()
        api.start()


def test_each_key_has_one_order_although_the_apis_are_killed(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    with a_cluster(postgres_server, redis_server, kafka_server, each=2) as cluster:
        user = cluster.api.register()
        users = tuple(user_at(api, user) for api in cluster.apis)
        customers = [
            [Customer(users[n % 2 :] + users[: n % 2], key) for n in range(REQUESTS_PER_KEY)]
            for key in (uuid4().hex for _ in range(KEYS))
        ]
        is_over = Event()
        killer = Thread(target=kill_in_turn, args=(cluster, is_over))
        killer.start()
        try:
            for group in customers:
                concurrently(group)
        finally:
            is_over.set()
            killer.join()
        orders = [{each.order for each in group} for group in customers]
        cluster.assert_drained(KEYS)

    assert [len(bodies) for bodies in orders] == [1] * KEYS
    attempts = sum((each.attempts for group in customers for each in group), Counter())
    assert set(attempts) <= {201, 409, 503, "broken"}, attempts
    assert attempts["broken"] > 0, "no request met a killed process"
