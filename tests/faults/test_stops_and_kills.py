"""Each role is stopped, and killed, under load; the others and the next start make up for it."""

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
from tests.faults.customers import Journal, customers_of
from tests.faults.events import first_deliveries
from tests.servers.plugin import Shared

BODY = b'{"items": [{"name": "tea"}], "total_price": 4.5}'


def stopped_under_load(cluster: Cluster, journal: Journal) -> None:
    """One process of each role after the other is stopped and started."""
    for process in (cluster.apis[0], cluster.relays[0], cluster.consumers[0], cluster.workers[0]):
        journal.more(5)
        process.stop()
        journal.more(5)
        process.start()


def nobody_was_thrown_out(cluster: Cluster, journal: Journal) -> None:
    """No accepted request failed: of every step that was taken, somebody was told.

    A connection at rest may be closed at any time, and what knocks at a closed door is not let in.
    """
    assert journal.refused == []
    assert cluster.steps() == len(journal.placed) + len(journal.changed)


def killed_under_load(cluster: Cluster, journal: Journal) -> None:
    """One process of each role after the other is killed and started; nothing is lost."""
    for process in (cluster.apis[0], cluster.relays[0], cluster.consumers[0], cluster.workers[0]):
        journal.more(5)
        process.kill()
        process.start()
        report = cluster.audit()
        assert (report["lost"], report["duplicated"], report["stuck"]) == (0, 0, 0)
    assert journal.refused == []


def a_request_under_way_ends_well(api: Service, user: User) -> None:
    """Half of a request is sent before the process is told to stop, and half after that."""
    host, port = api.http.base_url.host, api.http.base_url.port
    connection = HTTPConnection(host, port or 80, timeout=ANSWER_TIMEOUT_SECONDS)
    connection.putrequest("POST", "/orders/")
    connection.putheader("Authorization", f"Bearer {user.token}")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(BODY)))
    connection.endheaders(BODY[:10])
    api.process.send_signal(signal.SIGTERM)
    eventually(lambda: not takes_connections(api))
    connection.send(BODY[10:])
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Connection"]) == (201, "close")
    assert answer.read()
    connection.close()
    assert api.process.wait(STOP_TIMEOUT_SECONDS) == 0


def takes_connections(api: Service) -> bool:
    try:
        httpx.get(api.http.base_url.join("/health/"), timeout=ANSWER_TIMEOUT_SECONDS)
    except (httpx.NetworkError, httpx.RemoteProtocolError):
        return False
    return True


def a_task_is_given_back(cluster: Cluster, user: User) -> None:
    """A worker that is stopped in the middle of a long fulfilment leaves it to another."""
    for worker in cluster.workers:
        worker.stop()
        worker.settings["SWEEP_AFTER"] = "3600"  # nobody else is to bring the task back
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


def test_each_role_may_be_stopped_and_killed_at_any_moment(
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
        with customers_of(cluster, user) as stopped:
            stopped_under_load(cluster, stopped)
        nobody_was_thrown_out(cluster, stopped)
        with customers_of(cluster, user) as killed:
            killed_under_load(cluster, killed)
        cluster.finishes()
        a_task_is_given_back(cluster, User(cluster.api, user.id, user.email, user.token))
        a_request_under_way_ends_well(cluster.apis[1], user)
        cluster.finishes()

        # Who was cut off may have an order that nobody told them of, and nobody has lost one.
        orders = cluster.audit()["orders"]
        cluster.drained(orders)
        created = first_deliveries("new_order", cluster.seen("new_order"))
        assert created.keys() >= stopped.placed.keys() | killed.placed.keys()
        processed = first_deliveries("order_processed", cluster.seen("order_processed"))
        assert processed.keys() == created.keys()
        assert {len(events) for events in processed.values()} == {1}
        changed = first_deliveries("order_status_changed", cluster.seen("order_status_changed"))
        assert changed.keys() >= {order["id"] for order, _ in stopped.changed + killed.changed}
        assert len(created) == orders
