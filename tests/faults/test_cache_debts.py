"""Pending cache invalidations are not lost when the relay restarts."""

from tests.e2e.service import eventually
from tests.faults.cluster import a_cluster
from tests.servers.plugin import Shared
from tests.support.fault_proxy import FaultProxy

#: In seconds. Long enough that stale orders don't expire during the test.
CACHE_TTL = "3600"
ORDERS = 10


def test_a_relay_restart_during_an_outage_of_redis_leaves_no_stale_order(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    with (
        FaultProxy.to(redis_server.url) as proxy,
        a_cluster(
            postgres_server,
            Shared(proxy.through(redis_server.url)),
            kafka_server,
            KEEP_DEADLINES="REDIS_URL",
            CACHE_TTL=CACHE_TTL,
        ) as cluster,
    ):
        user = cluster.api.register()
        orders = [user.processed_order() for _ in range(ORDERS)]
        cluster.wait_until_finished()
        for order in orders:
            eventually(lambda: user.get(f"/orders/{order['id']}/").headers["X-Cache"] == "HIT")  # noqa: B023

        proxy.refuse()
        for order in orders:
            assert user.patch(order, "PAID").status_code == 200
        cluster.wait_until_finished()  # the relay has published and marked every event
        [relay] = cluster.relays
        relay.stop()
        relay.start()
        proxy.heal()

        def is_fresh(order_id: str) -> bool:
            answer = user.get(f"/orders/{order_id}/")
            return answer.json()["status"] == "PAID" and answer.headers["X-Cache"] == "HIT"

        for order in orders:
            eventually(lambda: is_fresh(order["id"]))  # noqa: B023 - called in the loop
