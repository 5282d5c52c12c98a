"""Clocks that jump by an hour, and host names that cannot be resolved for a while."""

from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.e2e.service import User, eventually
from tests.faults.cluster import Cluster, Role, a_cluster
from tests.faults.test_backing_services import is_ready
from tests.faults.test_network_faults import Proxied
from tests.servers.plugin import Shared
from tests.support.fault_proxy import FaultProxy

#: A clock that is ahead by the number of seconds in a file.
STEPPED_CLOCK: Final = """
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dishka import Provider, Scope, provide

from application.ports.system import Clock


class SteppedClock:
    def now(self):
        return datetime.now(UTC) + timedelta(seconds=int(Path("step").read_text()))


class SteppedClockProvider(Provider):
    clock = provide(SteppedClock, provides=Clock, scope=Scope.APP)
"""
HOUR: Final = 3600


class Shop:
    """A customer of a cluster with a stepped clock."""

    def __init__(self, cluster: Cluster) -> None:
        self._step = cluster.api.data_dir / "step"
        self._user = cluster.api.register()
        self._orders: list[str] = []

    @property
    def orders(self) -> int:
        return len(self._orders)

    def step_clock(self, seconds: int) -> None:
        """Set the clock of all processes, and log in again, because the token may have expired."""
        draft = self._step.with_suffix(".new")
        draft.write_text(str(seconds))
        draft.replace(self._step)
        assert self._user.get("/me/").status_code in {200, 401}
        self._user = self._user.service.log_in(self._user.email)

    def trade(self) -> None:
        """Place an order, wait until it is processed, and pay all orders that are not paid yet."""
        self._orders.append(self._user.processed_order()["id"])
        for order in self._orders:
            if self._user.get(f"/orders/{order}/").json()["status"] == "PENDING":
                self._pay(order)

    def place(self) -> None:
        self._orders.append(self._user.order()["id"])

    def _pay(self, order: str) -> None:
        answer = self._user.patch({"id": order}, "PAID")
        assert answer.status_code == 200, answer.text
        steps = self._user.history({"id": order})
        assert [step["to"] for step in steps] == ["PENDING", "PAID"]


def test_clock_steps_of_an_hour_lose_no_order(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    files = {"clock.py": STEPPED_CLOCK, "step": "0"}
    with a_cluster(
        postgres_server,
        redis_server,
        kafka_server,
        files=files,
        ORDERS_PROVIDERS="clock:SteppedClockProvider",
    ) as cluster:
        shop = Shop(cluster)
        shop.trade()
        for seconds in (HOUR, 0, -HOUR, 0):
            shop.place()  # paid on the other side of the step
            shop.step_clock(seconds)
            shop.trade()
        cluster.assert_drained(shop.orders)
        for process in cluster.processes:
            assert "Traceback" not in process.log
            assert '"level":"error"' not in process.log


def by_name(url: str) -> str:
    """Return the same URL or `host:port`, with a name instead of the address."""
    return url.replace(urlsplit(url if "://" in url else f"//{url}").hostname or "", "localhost")


def test_names_that_cannot_be_resolved_are_an_outage_that_heals(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    with (
        FaultProxy.to(postgres_server.url) as to_postgres,
        FaultProxy.to(redis_server.url) as to_redis,
        a_cluster(
            Proxied(by_name(to_postgres.through(postgres_server.url))),
            Proxied(by_name(to_redis.through(redis_server.url))),
            Proxied(by_name(kafka_server.url)),
            NAMES_GONE_FILE=str(gone),
            SWEEP_AFTER="1",
        ) as cluster,
    ):
        user = cluster.api.register()
        user.processed_order()
        gone.touch()
        # Established connections don't need names.
        to_postgres.reset()
        to_redis.reset()
        eventually(lambda: is_unresolved(user))
        answer = user.post_order()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert user.service.http.get("/health/").status_code == 200
        eventually(lambda: "the host localhost: Name or service not known" in cluster.api.log)
        restart_roles(cluster)
        gone.unlink()
        eventually(lambda: is_ready(user, "ok"))
        user.processed_order()
        cluster.assert_drained(2)
        for process in cluster.processes:
            assert "Traceback" not in process.log


def restart_roles(cluster: Cluster) -> None:
    """Kill the relay, the consumer and the worker, and start them while nothing has a name.

    Kafka's clients only resolve the name of the first broker when a process starts.
    """
    for role in (*cluster.relays, *cluster.consumers, *cluster.workers):
        log_length = len(role.log)
        role.kill()
        role.spawn()
        eventually(partial(_names_the_host, role, log_length))


def _names_the_host(role: Role, log_length: int) -> bool:
    return "localhost" in role.log[log_length:]


def is_unresolved(user: User) -> bool:
    checks = user.service.http.get("/health/ready/").json()["checks"]
    return (checks["postgresql"], checks["redis"]) == ("down", "down")
