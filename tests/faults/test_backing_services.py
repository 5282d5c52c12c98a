"""Section 8 of the contract, row by row: what keeps working while a server is away."""

import time
from functools import partial
from typing import Any

from redis import Redis

from tests.e2e.service import PASSWORD, User, eventually
from tests.faults.cluster import a_cluster, together
from tests.faults.customers import customers_of
from tests.faults.events import first_deliveries
from tests.faults.routes import all_served, refuses, serves
from tests.servers.plugin import NewServer, Shared
from tests.servers.server import Server


def is_ready(user: User, status: str, **down: str) -> bool:
    """Whether `/health/ready/` says so."""
    answer = user.service.http.get("/health/ready/")
    checks = {"postgresql": "ok", "redis": "ok", "kafka": "ok", **down}
    code = 503 if status == "down" else 200
    said: dict[str, Any] = answer.json()
    is_explained = set(said["reasons"]) == set(down)
    return is_explained and (answer.status_code, said["status"], said["checks"]) == (
        code,
        status,
        checks,
    )


def cache_says(user: User, order_id: str) -> str:
    """Where an order was read from; it can be read in any case."""
    answer = user.get(f"/orders/{order_id}/")
    assert answer.status_code == 200, answer.text
    return answer.headers["X-Cache"]


def cached(user: User, order_id: str) -> bool:
    return cache_says(user, order_id) == "HIT"


def status_of(user: User, order_id: str) -> str:
    status: str = user.get(f"/orders/{order_id}/").json()["status"]
    return status


def guesses(user: User, times: int) -> list[int]:
    """What somebody is told who guesses the user's password, so many times."""
    guess = {"username": user.email, "password": f"not {PASSWORD}"}
    return [user.service.http.post("/token/", data=guess).status_code for _ in range(times)]


def without_redis(redis: Server, begin: str, end: str, user: User) -> list[str]:
    """See what is promised while Redis is away, and after that; the orders that were placed."""
    orders = [user.order()["id"] for _ in range(3)]
    eventually(lambda: cache_says(user, orders[0]) == "HIT")
    getattr(redis, begin)()
    eventually(lambda: is_ready(user, "degraded", redis="down"))
    assert [cache_says(user, order) for order in orders] == ["BYPASS"] * 3
    orders.append(serves(user, orders[0]))
    assert guesses(user.service.register(), 5) == [401, 401, 401, 429, 429]
    getattr(redis, end)()
    eventually(lambda: is_ready(user, "ok"))
    eventually(lambda: cache_says(user, orders[0]) == "HIT")
    # What was changed meanwhile is stale for seconds, and never for `CACHE_TTL`.
    eventually(lambda: status_of(user, orders[0]) == "PAID")
    return orders


def test_redis_may_stop_hang_and_forget(
    new_redis: NewServer, postgres_server: Shared, kafka_server: Shared
) -> None:
    with (
        new_redis() as redis,
        a_cluster(
            postgres_server,
            redis,
            kafka_server,
            HURT="REDIS_URL",
            RATE_LIMIT_LOGIN="3/day",
            SWEEP_AFTER="2",
        ) as cluster,
    ):
        user = cluster.api.register()
        placed = without_redis(redis, "stop", "start", user)
        placed += without_redis(redis, "pause", "resume", user)
        cluster.drained(len(placed))

        # Handed over while nobody works, they are forgotten with all the rest.
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
        cluster.drained(len(placed))


def test_kafka_may_stop(
    new_kafka: NewServer, postgres_server: Shared, redis_server: Shared
) -> None:
    with (
        new_kafka() as kafka,
        a_cluster(postgres_server, redis_server, kafka, HURT="KAFKA_BOOTSTRAP_SERVERS") as cluster,
    ):
        user = cluster.api.register()
        early = user.processed_order()
        cluster.finishes()
        kafka.stop()
        eventually(lambda: is_ready(user, "degraded", kafka="down"))
        orders = [user.order() for _ in range(10)]
        for order in orders[1:]:
            assert user.patch(order, "PAID").status_code == 200
            assert user.patch(order, "SHIPPED").status_code == 200
            eventually(partial(cached, user, order["id"]))
        late = serves(user, orders[0]["id"])
        assert user.patch(orders[0], "SHIPPED").status_code == 200

        # What waits for a broker out of reach is pending, however old; and it is said why.
        time.sleep(1)
        report = cluster.audit(STUCK_AFTER="1")
        assert (report["pending"], report["stuck"], report["lost"]) == (11, 0, 0)
        eventually(lambda: "last_error=-" not in cluster.run("outbox", "status").stdout)
        assert "unpublished=31 " in cluster.run("outbox", "status").stdout
        replayed = cluster.run("outbox", "replay", early["id"])
        assert replayed.stdout == "Waiting to be published again: 2.\n"

        kafka.start()
        cluster.drained(12)
        eventually(lambda: is_ready(user, "ok"))
        eventually(lambda: "unpublished=0 " in cluster.run("outbox", "status").stdout)
        created = first_deliveries("new_order", cluster.seen("new_order"))
        assert created.keys() == {early["id"], late, *(order["id"] for order in orders)}
        changes = first_deliveries("order_status_changed", cluster.seen("order_status_changed"))
        for order in orders:
            assert [event["to"] for event in changes[order["id"]]] == ["PAID", "SHIPPED"]
        copies = [each for each in cluster.seen("new_order") if each.key == early["id"].encode()]
        assert len(copies) >= 2


def test_postgresql_may_stop_die_and_hang(
    new_postgres: NewServer, redis_server: Shared, kafka_server: Shared
) -> None:
    with (
        new_postgres() as postgres,
        a_cluster(
            postgres, redis_server, kafka_server, HURT="DATABASE_URL", SWEEP_AFTER="2"
        ) as cluster,
    ):
        user = cluster.api.register()
        order = user.order()["id"]
        with customers_of(cluster, user) as journal:
            for begin, end in (("stop", "start"), ("kill", "start"), ("pause", "resume")):
                journal.more(5)
                getattr(postgres, begin)()
                # What was looked up a moment ago is believed for a moment.
                eventually(lambda: refuses(user, order))
                eventually(lambda: is_ready(user, "down", postgresql="down"))
                getattr(postgres, end)()
                eventually(lambda: is_ready(user, "ok"))
                # Whoever asks it while it is away for a moment only is refused as well.
                eventually(lambda: all_served(user, order))
        assert {each.status_code for each in journal.refused} == {503}
        assert all(each.headers["Retry-After"].isdigit() for each in journal.refused)
        assert journal.broken == []
        cluster.finishes()
        report = cluster.audit()
        assert (report["lost"], report["duplicated"], report["stuck"]) == (0, 0, 0)
        created = first_deliveries("new_order", cluster.seen("new_order"))
        assert created.keys() >= journal.placed.keys()
        cluster.drained(report["orders"])
        postgres.pause()
        together(process.stop for process in cluster.processes)
        postgres.resume()
