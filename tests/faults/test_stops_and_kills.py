"""Stop and kill each role under load. Other processes, or a restart, finish its work."""

import signal
from http.client import HTTPConnection

import httpx
from redis import Redis

from tests.e2e.service import (
    ANSWER_TIMEOUT_SECONDS,
    STOP_TIMEOUT_SECONDS,
    Service,
    User,
    eventually,
)
from tests.faults.cluster import Cluster, a_cluster
from tests.faults.customers import Journal, customers_at
from tests.faults.events import first_deliveries
from tests.servers.plugin import Shared

BODY = b'{"items": [{"name": "tea"}], "total_price": 4.5}'


def stop_under_load(cluster: Cluster, journal: Journal) -> None:
    """Stop and restart every process of every role in turn, like a rolling deployment."""
    for process in cluster.processes:
        journal.wait_for_orders(5)
        process.stop()
        journal.wait_for_orders(5)
        process.start()


def assert_no_request_failed(cluster: Cluster, journal: Journal) -> None:
    """Assert that no accepted request failed, which means that customers received every step.

    Failed connections don't count: an idle connection may be closed at any time, and a stopping API
    doesn't accept new ones.
    """
    assert journal.refused == []
    assert cluster.steps() == len(journal.placed) + len(journal.changed)


def kill_under_load(cluster: Cluster, journal: Journal) -> None:
    """Kill and restart one process of each role in turn."""
    for process in (cluster.apis[0], cluster.relays[0], cluster.consumers[0], cluster.workers[0]):
        journal.wait_for_orders(5)
        process.kill()
        process.start()
    report = cluster.audit()
    assert (report["lost"], report["duplicated"], report["stuck"]) == (0, 0, 0)
    assert journal.refused == []


def assert_a_request_during_a_stop_succeeds(api: Service, user: User) -> None:
    """Send the first half of a request before the stop signal and the second half after it."""
    host, port = api.http.base_url.host, api.http.base_url.port
    connection = HTTPConnection(host, port or 80, timeout=ANSWER_TIMEOUT_SECONDS)
    connection.putrequest("POST", "/orders/")
    connection.putheader("Authorization", f"Bearer {user.token}")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(BODY)))
    connection.endheaders(BODY[:10])
    api.process.send_signal(signal.SIGTERM)
    eventually(lambda: not accepts_connections(api))
    connection.send(BODY[10:])
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Connection"]) == (201, "close")
    assert answer.read()
    connection.close()
    assert api.process.wait(STOP_TIMEOUT_SECONDS) == 0


def accepts_connections(api: Service) -> bool:
    try:
        httpx.get(api.http.base_url.join("/health/"), timeout=ANSWER_TIMEOUT_SECONDS)
    except (httpx.NetworkError, httpx.RemoteProtocolError):
        return False
    return True


def assert_a_stopped_worker_releases_its_task(cluster: Cluster, user: User) -> None:
    """Stop a worker during a long fulfilment. Another worker must process its task."""
    for worker in cluster.workers:
        worker.stop()
        worker.settings["SWEEP_AFTER"] = "3600"  # keep the requeuer from bringing the task back
    slow = cluster.role("work", PROCESSING_DELAY="3600", SWEEP_AFTER="3600")
    try:
        slow.start()
        order = user.order()
        tasks = f"{cluster.settings['REDIS_PREFIX']}{{tasks}}"
        with Redis.from_url(cluster.settings["REDIS_URL"]) as redis:
            eventually(lambda: redis.xpending(tasks, "workers")["pending"])
        cluster.workers[0].start()
        slow.stop()
        eventually(lambda: user.get(f"/orders/{order['id']}/").json()["processed_at"])
    finally:
        slow.close()
    cluster.workers[1].start()


def test_stops_and_kills_of_each_role_lose_no_order(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    with a_cluster(
        postgres_server,
        redis_server,
        kafka_server,
        each=2,
        PROCESSING_DELAY="1",
        SWEEP_AFTER="3",
    ) as cluster:
        user = cluster.api.register()
        with customers_at(cluster, user) as stopped:
            stop_under_load(cluster, stopped)
        assert_no_request_failed(cluster, stopped)
        with customers_at(cluster, user) as killed:
            kill_under_load(cluster, killed)
        cluster.wait_until_finished()
        assert_a_stopped_worker_releases_its_task(
            cluster, User(cluster.api, user.id, user.email, user.token)
        )
        assert_a_request_during_a_stop_succeeds(cluster.apis[1], user)
        cluster.wait_until_finished()

        # Customers that were interrupted may never have received the response for an order, but no
        # order is lost.
        orders = cluster.orders()
        cluster.assert_drained(orders)
        created = first_deliveries("new_order", cluster.messages("new_order"))
        assert created.keys() >= stopped.placed.keys() | killed.placed.keys()
        processed = first_deliveries("order_processed", cluster.messages("order_processed"))
        assert processed.keys() == created.keys()
        assert {len(events) for events in processed.values()} == {1}
        changed = first_deliveries("order_status_changed", cluster.messages("order_status_changed"))
        assert changed.keys() >= {order["id"] for order, _ in stopped.changed + killed.changed}
        assert len(created) == orders
