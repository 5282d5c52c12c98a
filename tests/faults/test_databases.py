"""PostgreSQL fails over, confirms no commit, or is behind a faulty network."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from application.errors import NOTHING_CHANGED, OUTCOME_UNKNOWN
from tests.e2e.service import PASSWORD, TEA, Service, User, an_email, eventually, running_service
from tests.faults.cluster import SECRET
from tests.servers.databases import create_database, fetch_value
from tests.servers.plugin import NewServer
from tests.servers.server import Server
from tests.support.fault_proxy import FaultProxy
from tests.support.postgres import beside

#: Terminates all sessions but its own.
TERMINATE_ALL = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


@pytest.fixture
def server(new_postgres: NewServer) -> Iterator[Server]:
    with new_postgres() as server:
        yield server


@contextmanager
def serving(url: str, **settings: str) -> Iterator[Service]:
    with running_service(DATABASE_URL=url, JWT_SECRET_KEY=SECRET, **settings) as service:
        yield service


def sql(server: Server, *statements: str) -> None:
    for statement in statements:
        beside(fetch_value, server.url, statement)


def is_ready(service: Service) -> bool:
    answer = service.http.get("/health/ready/")
    assert answer.status_code in {200, 503}
    assert (answer.status_code == 200) == (answer.json()["checks"]["postgresql"] == "ok")
    return answer.status_code == 200


def changes(user: User, order: Mapping[str, str]) -> list[httpx.Response]:
    """Try every kind of change once."""
    account = {"email": an_email(), "password": PASSWORD}
    return [
        user.post_order(),
        user.patch(order, "PAID"),
        user.service.http.post("/register/", json=account),
    ]


def test_a_read_only_server_is_an_outage_that_ends_without_a_restart(
    server: Server,
) -> None:
    url = beside(create_database, server.url)
    name = url.rpartition("/")[2]
    with serving(url) as service:
        user = service.register()
        order = user.order()
        sql(
            server,
            f"ALTER DATABASE {name} SET default_transaction_read_only = on",
            TERMINATE_ALL,
        )
        eventually(lambda: not is_ready(service))
        for answer in changes(user, order):
            assert answer.status_code == 503, answer.text
            assert answer.json()["code"] == "unavailable"
            assert answer.headers["Retry-After"].isdigit()
        sql(server, f"ALTER DATABASE {name} RESET default_transaction_read_only")
        eventually(lambda: is_ready(service))
        assert [answer.status_code for answer in changes(user, order)] == [201, 200, 201]
        assert "unhandled exception" not in service.log


def unconfirmed(change: Callable[[str], httpx.Response]) -> str:
    """Make a change with one reference or key after the other, until an outcome is unknown.

    Return the reference of that change. A busy machine may reach the deadline before the commit:
    then the answer is that nothing was changed.
    """
    details = list[str]()

    def has_unknown_outcome() -> bool:
        answer = change(f"web-{len(details)}")
        assert answer.status_code == 503, answer.text
        assert answer.headers["Retry-After"].isdigit()
        details.append(answer.json()["detail"])
        assert details[-1] in {NOTHING_CHANGED, OUTCOME_UNKNOWN}
        return details[-1] == OUTCOME_UNKNOWN

    eventually(has_unknown_outcome)
    return f"web-{len(details) - 1}"


def post_with_key(user: User, key: str) -> httpx.Response:
    return user.request("POST", "/orders/", json=TEA, headers={"Idempotency-Key": key})


def successful(send: Callable[[], httpx.Response]) -> httpx.Response:
    """Send a request until it succeeds, because a busy machine may reach the deadline."""
    answers = list[httpx.Response]()

    def is_successful() -> bool:
        answers.append(send())
        return answers[-1].is_success

    eventually(is_successful)
    return answers[-1]


def document(user: User, path: str) -> Any:
    return successful(lambda: user.get(path)).json()


def test_an_unconfirmed_commit_returns_503_with_an_unknown_outcome(server: Server) -> None:
    # A worker would hold the lock of its order during its own commit: no other change could begin.
    url = beside(create_database, server.url)
    with serving(url, PROCESSING_DELAY="3600") as service:
        user = service.register()
        order = user.order()
        service.stop()
        service.settings["KEEP_DEADLINES"] = "DATABASE_URL"
        service.start()
        sql(server, "ALTER SYSTEM SET synchronous_standby_names = 'nowhere'")
        server.stop()
        server.start()
        eventually(lambda: is_ready(service))
        reference = unconfirmed(lambda reference: user.post_order(reference=reference))
        key = unconfirmed(lambda key: post_with_key(user, key))
        unconfirmed(lambda _: user.patch(order, "PAID"))
        sql(server, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
        eventually(lambda: is_ready(service))
        # The answers are true, and their advice is correct: the order exists, and only once.
        eventually(lambda: user.post_order(reference=reference).status_code == 409)
        again = successful(lambda: post_with_key(user, key))
        assert again.headers["idempotent-replayed"] == "true"
        orders = document(user, "/orders/")
        assert [each.get("reference") for each in orders] == [None, reference, None]
        assert orders[0]["id"] == again.json()["id"]
        steps = document(user, f"/orders/{order['id']}/history/")
        assert [step["to"] for step in steps] == ["PENDING", "PAID"]


def test_reset_connections_fail_only_their_requests(server: Server) -> None:
    with (
        FaultProxy.to(server.url) as proxy,
        serving(proxy.through(beside(create_database, server.url))) as service,
    ):
        user = service.register()
        order = user.order()
        seen = set()
        for _ in range(20):
            proxy.reset()
            seen |= {
                user.post_order().status_code,
                user.get(f"/orders/{order['id']}/history/").status_code,
                user.get("/orders/").status_code,
            }
        assert seen <= {200, 201, 503}
        eventually(lambda: is_ready(service))
        assert user.post_order().status_code == 201
        assert "unhandled exception" not in service.log
