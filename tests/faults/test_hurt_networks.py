"""Whole processes whose connections are reset or forgotten while the servers are well."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.e2e.service import eventually
from tests.faults.cluster import Cluster, a_cluster
from tests.faults.customers import Journal, customers_of
from tests.servers.plugin import Shared
from tests.support.fault_proxy import FaultProxy

_ROUNDS = 8
_PAUSE_SECONDS = 0.5
#: What no log may hold while a network is bad: an outage is no surprise.
_SURPRISES = ("Traceback (most recent call last)", '"level":"error"', "never retrieved")


@dataclass(frozen=True)
class Behind:
    """A server that clients reach through a proxy."""

    url: str


@contextmanager
def _a_hurt_cluster(
    postgres: Shared, redis: Shared, kafka: Shared, hurt_setting: str
) -> Iterator[tuple[Cluster, dict[str, FaultProxy]]]:
    with (
        FaultProxy.to(postgres.url) as to_postgres,
        FaultProxy.to(redis.url) as to_redis,
        a_cluster(
            Behind(to_postgres.through(postgres.url)),
            Behind(to_redis.through(redis.url)),
            kafka,
            HURT=hurt_setting,
            SWEEP_AFTER="2",
        ) as cluster,
    ):
        yield cluster, {"postgres": to_postgres, "redis": to_redis}


def _reset_often(proxy: FaultProxy, journal: Journal) -> None:
    for _ in range(_ROUNDS):
        journal.more(3)
        proxy.reset()
        time.sleep(_PAUSE_SECONDS)


def _forget_once(proxy: FaultProxy, journal: Journal) -> None:
    journal.more(3)
    proxy.forget()
    journal.more(10)


def _was_calm(cluster: Cluster) -> None:
    """No process logged an error or a traceback."""
    for process in cluster.processes:
        assert not [surprise for surprise in _SURPRISES if surprise in process.log]


@pytest.mark.parametrize("server", ["postgres", "redis"])
@pytest.mark.parametrize("hurt", [_reset_often, _forget_once])
def test_every_role_outlives_a_bad_network(
    server: str,
    hurt: Callable[[FaultProxy, Journal], None],
    postgres_server: Shared,
    redis_server: Shared,
    kafka_server: Shared,
) -> None:
    hurt_setting = {"postgres": "DATABASE_URL", "redis": "REDIS_URL"}[server]
    with _a_hurt_cluster(postgres_server, redis_server, kafka_server, hurt_setting) as (
        cluster,
        proxies,
    ):
        user = cluster.api.register()
        with customers_of(cluster, user) as journal:
            hurt(proxies[server], journal)
        assert {each.status_code for each in journal.refused} <= {503}
        assert journal.broken == []
        cluster.finishes()
        report = cluster.audit()
        assert (report["lost"], report["duplicated"], report["stuck"]) == (0, 0, 0)
        assert cluster.run("dlq", "list").stdout == "No dead letter waits.\n"
        cluster.drained(report["orders"])
        order = user.order()
        eventually(lambda: user.get(f"/orders/{order['id']}/").json()["processed_at"])
        _was_calm(cluster)
