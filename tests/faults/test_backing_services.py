"""Section 8 of the contract, row by row: how the service behaves while its servers are down."""

import time
from functools import partial
from typing import Any

from redis import Redis

from tests.e2e.service import PASSWORD, User, eventually
from tests.faults.cluster import a_cluster, run_concurrently
from tests.faults.customers import customers_at
from tests.faults.events import first_deliveries
from tests.faults.routes import all_served, assert_all_served, is_refused
from tests.servers.plugin import NewServer, Shared
from tests.servers.server import Server


def is_ready(user: User, status: str, **down: str) -> bool:
    """Return whether `/health/ready/` reports this status and these unavailable servers."""
    answer = user.service.http.get("/health/ready/")
    checks = {"postgresql": "ok", "redis": "ok", "kafka": "ok", **down}
    code = 503 if status == "down" else 200
    report: dict[str, Any] = answer.json()
    is_explained = set(report["reasons"]) == set(down)
    return is_explained and (answer.status_code, report["status"], report["checks"]) == (
        code,
        status,
        checks,
    )


def cache_state(user: User, order_id: str) -> str:
    """Return the order's `X-Cache` header. Assert that the order can be read."""
    answer = user.get(f"/orders/{order_id}/")
    assert answer.status_code == 200, answer.text
    return answer.headers["X-Cache"]


def is_cached(user: User, order_id: str) -> bool:
    return cache_state(user, order_id) == "HIT"


def status_of(user: User, order_id: str) -> str:
    status: str = user.get(f"/orders/{order_id}/").json()["status"]
    return status


def guess_password(user: User, times: int) -> list[int]:
    """Log in with wrong passwords and return the status codes."""
    guess = {"username": user.email, "password": f"not {PASSWORD}"}
    return [user.service.http.post("/token/", data=guess).status_code for _ in range(times)]


def without_redis(redis: Server, begin: str, end: str, user: User) -> list[str]:
    """Assert all promises for a Redis outage. Return the placed orders' ids."""
    orders = [user.order()["id"] for _ in range(3)]
    eventually(lambda: cache_state(user, orders[0]) == "HIT")
    getattr(redis, begin)()
    eventually(lambda: is_ready(user, "degraded", redis="down"))
    assert [cache_state(user, order) for order in orders] == ["BYPASS"] * 3
    orders.append(assert_all_served(user, orders[0]))
    assert guess_password(user.service.register(), 5) == [401, 401, 401, 429, 429]
    getattr(redis, end)()
    eventually(lambda: is_ready(user, "ok"))
    eventually(lambda: cache_state(user, orders[0]) == "HIT")
    # Orders that changed during the outage stay stale for seconds, not for `CACHE_TTL`.
    eventually(lambda: status_of(user, orders[0]) == "PAID")
    return orders


def test_an_outage_of_redis_or_the_loss_of_its_data_loses_no_order(
    new_redis: NewServer, postgres_server: Shared, kafka_server: Shared
) -> None:
    with (
        new_redis() as redis,
        a_cluster(
            postgres_server,
            redis,
            kafka_server,
            KEEP_DEADLINES="REDIS_URL",
            RATE_LIMIT_LOGIN="3/day",
            SWEEP_AFTER="2",
        ) as cluster,
    ):
        user = cluster.api.register()
        placed = without_redis(redis, "stop", "start", user)
        placed += without_redis(redis, "pause", "resume", user)
        cluster.assert_drained(len(placed))

        # Tasks queued while no worker was running are lost, like all other data.
        [worker] = cluster.workers
        stream = f"{cluster.settings['REDIS_PREFIX']}{{tasks}}"
        with Redis.from_url(redis.url) as client:
            eventually(lambda: client.xlen(stream) == 0)
            worker.pause()
            placed += [user.order()["id"] for _ in range(20)]
            eventually(lambda: client.xlen(stream) >= 20)
        redis.stop()
        redis.start(empty=True)
        worker.resume()
        cluster.assert_drained(len(placed))


def test_an_outage_of_kafka_delays_events_and_loses_none(
    new_kafka: NewServer, postgres_server: Shared, redis_server: Shared
) -> None:
    with (
        new_kafka() as kafka,
        a_cluster(
            postgres_server, redis_server, kafka, KEEP_DEADLINES="KAFKA_BOOTSTRAP_SERVERS"
        ) as cluster,
    ):
        user = cluster.api.register()
        early = user.processed_order()
        cluster.wait_until_finished()
        kafka.stop()
        eventually(lambda: is_ready(user, "degraded", kafka="down"))
        orders = [user.order() for _ in range(10)]
        for order in orders[1:]:
            assert user.patch(order, "PAID").status_code == 200
            assert user.patch(order, "SHIPPED").status_code == 200
            eventually(partial(is_cached, user, order["id"]))
        late = assert_all_served(user, orders[0]["id"])
        assert user.patch(orders[0], "SHIPPED").status_code == 200

        # Events waiting for an unreachable broker are pending, not stuck, and have a reason.
        time.sleep(1)
        report = cluster.audit(STUCK_AFTER="1")
        assert (report["pending"], report["stuck"], report["lost"]) == (11, 0, 0)
        eventually(lambda: "last_error=-" not in cluster.run("outbox", "status").stdout)
        assert "unpublished=31 " in cluster.run("outbox", "status").stdout
        replayed = cluster.run("outbox", "replay", early["id"])
        assert replayed.stdout == "Waiting to be published again: 2.\n"

        kafka.start()
        cluster.assert_drained(12)
        eventually(lambda: is_ready(user, "ok"))
        eventually(lambda: "unpublished=0 " in cluster.run("outbox", "status").stdout)
        created = first_deliveries("new_order", cluster.messages("new_order"))
        assert created.keys() == {early["id"], late, *(order["id"] for order in orders)}
        changes = first_deliveries("order_status_changed", cluster.messages("order_status_changed"))
        for order in orders:
            assert [event["to"] for event in changes[order["id"]]] == ["PAID", "SHIPPED"]
        copies = [
            each for each in cluster.messages("new_order") if each.key == early["id"].encode()
        ]
        assert len(copies) >= 2


def test_an_outage_of_postgresql_returns_503_and_loses_no_accepted_order(
    new_postgres: NewServer, redis_server: Shared, kafka_server: Shared
) -> None:
    with (
        new_postgres() as postgres,
        a_cluster(
            postgres, redis_server, kafka_server, KEEP_DEADLINES="DATABASE_URL", SWEEP_AFTER="2"
        ) as cluster,
    ):
        user = cluster.api.register()
        order = user.order()["id"]
        with customers_at(cluster, user) as journal:
            for begin, end in (("stop", "start"), ("kill", "start"), ("pause", "resume")):
                journal.wait_for_orders(5)
                getattr(postgres, begin)()
                # Accounts are cached for a short time.
                eventually(lambda: is_refused(user, order))
                eventually(lambda: is_ready(user, "down", postgresql="down"))
                getattr(postgres, end)()
                eventually(lambda: is_ready(user, "ok"))
                # Requests may still fail for a moment, even after a short outage.
                eventually(lambda: all_served(user, order))
        assert {each.status_code for each in journal.refused} == {503}
        assert all(each.headers["Retry-After"].isdigit() for each in journal.refused)
        assert journal.broken == []
        cluster.wait_until_finished()
        created = first_deliveries("new_order", cluster.messages("new_order"))
        assert created.keys() >= journal.placed.keys()
        cluster.assert_drained(cluster.orders())
        postgres.pause()
        run_concurrently(process.stop for process in cluster.processes)
        postgres.resume()
