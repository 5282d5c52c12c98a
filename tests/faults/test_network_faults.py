"""All roles, while connections to healthy servers are reset or silently dropped."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.e2e.service import eventually
from tests.faults.cluster import Cluster, a_cluster
from tests.faults.customers import Journal, customers_at
from tests.servers.plugin import Shared
from tests.support.fault_proxy import FaultProxy

_ROUNDS = 8
_PAUSE_SECONDS = 0.5
#: Texts that must not appear in any log during network faults.
_UNEXPECTED = ("Traceback (most recent call last)", '"level":"error"', "never retrieved")


@dataclass(frozen=True)
class Proxied:
    """A server behind a proxy."""

    url: str


@contextmanager
def _cluster_behind_proxies(
    postgres: Shared, redis: Shared, kafka: Shared, hurt_setting: str
) -> Iterator[tuple[Cluster, dict[str, FaultProxy]]]:
    with (
        FaultProxy.to(postgres.url) as to_postgres,
        FaultProxy.to(redis.url) as to_redis,
        a_cluster(
            Proxied(to_postgres.through(postgres.url)),
            Proxied(to_redis.through(redis.url)),
            kafka,
            KEEP_DEADLINES=hurt_setting,
            SWEEP_AFTER="2",
        ) as cluster,
    ):
        yield cluster, {"postgres": to_postgres, "redis": to_redis}


def _reset_often(proxy: FaultProxy, journal: Journal) -> None:
    for _ in range(_ROUNDS):
        journal.wait_for_orders(3)
        proxy.reset()
        time.sleep(_PAUSE_SECONDS)


def _forget_once(proxy: FaultProxy, journal: Journal) -> None:
    journal.wait_for_orders(3)
    proxy.forget()
    journal.wait_for_orders(10)


def _assert_no_errors_logged(cluster: Cluster) -> None:
    """Assert that no process logged an error or a traceback."""
    for process in cluster.processes:
        assert not [text for text in _UNEXPECTED if text in process.log]


@pytest.mark.parametrize("server", ["postgres", "redis"])
@pytest.mark.parametrize("disturb", [_reset_often, _forget_once])
def test_every_role_survives_network_faults(
    server: str,
    disturb: Callable[[FaultProxy, Journal], None],
    postgres_server: Shared,
    redis_server: Shared,
    kafka_server: Shared,
) -> None:
    hurt_setting = {"postgres": "DATABASE_URL", "redis": "REDIS_URL"}[server]
    with _cluster_behind_proxies(postgres_server, redis_server, kafka_server, hurt_setting) as (
        cluster,
        proxies,
    ):
        user = cluster.api.register()
        with customers_at(cluster, user) as journal:
            disturb(proxies[server], journal)
        assert {each.status_code for each in journal.refused} <= {503}
        assert journal.broken == []
        cluster.wait_until_finished()
        cluster.assert_drained(cluster.orders())
        order = user.order()
        eventually(lambda: user.get(f"/orders/{order['id']}/").json()["processed_at"])
        _assert_no_errors_logged(cluster)
