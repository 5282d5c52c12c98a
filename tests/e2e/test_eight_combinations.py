"""Orders are processed in all eight combinations of configured and missing backing services."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from subprocess import PIPE, Popen
from uuid import uuid4

import pytest

from tests.e2e.service import (
    NO_LIMITS,
    START_TIMEOUT_SECONDS,
    STOP_TIMEOUT_SECONDS,
    environment,
    eventually,
    long_deadlines_command,
    orders_command,
    running_service,
)
from tests.servers.plugin import Shared

SERVICES = {
    "DATABASE_URL": "database",
    "REDIS_URL": "redis_server",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka_server",
}
COMBINATIONS = [
    [name for name, wanted in zip(SERVICES, choice, strict=True) if wanted]
    for choice in product([False, True], repeat=len(SERVICES))
]


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Shared]:
    """Create an empty database for the test."""
    from tests.servers.databases import create_database, drop_database  # noqa: PLC0415 - only if used
    from tests.support.postgres import beside  # noqa: PLC0415 - only if used

    server: Shared = request.getfixturevalue("postgres_server")
    url = beside(create_database, server.url)
    yield Shared(url)
    beside(drop_database, server.url, url)


@contextmanager
def a_role(name: str, settings: dict[str, str]) -> Iterator[None]:
    """Run a role in a process until the end of the block."""
    with Popen(
        [*long_deadlines_command(), name], stdout=PIPE, text=True, env=environment(settings)
    ) as role:
        try:
            assert role.stdout is not None
            assert json.loads(role.stdout.readline())["event"] == f"orders {name} is ready."
            yield
        finally:
            role.terminate()
            assert role.wait(STOP_TIMEOUT_SECONDS) == 0


def test_several_workers_share_an_address(request: pytest.FixtureRequest) -> None:
    settings = {name: request.getfixturevalue(SERVICES[name]).url for name in SERVICES}
    prefix = f"t{uuid4().hex[:8]}."
    settings |= {"KAFKA_TOPIC_PREFIX": prefix, "REDIS_PREFIX": prefix, "WORKERS": "2"}
    settings |= NO_LIMITS | {"JWT_SECRET_KEY": "a key of thirty-two bytes or more"}
    with Popen([*orders_command(), "migrate"], env=environment(settings)) as migrated:
        assert migrated.wait(START_TIMEOUT_SECONDS) == 0
    with running_service(**settings) as service:
        user = service.register()
        order = user.order()
        service.http.headers["Connection"] = "close"  # use both workers

        def states() -> set[str]:
            return {user.get(f"/orders/{order['id']}/").headers["X-Cache"] for _ in range(20)}

        eventually(lambda: states() == {"HIT"})


@pytest.mark.parametrize("given", COMBINATIONS, ids=lambda given: " ".join(given) or "nothing")
def test_an_order_is_processed_with(given: list[str], request: pytest.FixtureRequest) -> None:
    settings = {name: request.getfixturevalue(SERVICES[name]).url for name in given}
    prefix = f"t{uuid4().hex[:8]}."
    settings |= {"KAFKA_TOPIC_PREFIX": prefix, "REDIS_PREFIX": prefix, "PROCESSING_DELAY": "0"}
    settings |= NO_LIMITS | {"JWT_SECRET_KEY": "a key of thirty-two bytes or more"}
    with ExitStack() as processes:
        if len(given) == len(SERVICES):
            migrated = Popen([*orders_command(), "migrate"], env=environment(settings))
            assert migrated.wait(START_TIMEOUT_SECONDS) == 0
            for role in ("relay", "consume", "work"):
                processes.enter_context(a_role(role, settings))
        service = processes.enter_context(running_service(**settings))
        user = service.register()
        order = user.order()
        path = f"/orders/{order['id']}/"
        # The order may be processed at any time. If the cached revision is outdated by then, it
        # isn't returned.
        eventually(lambda: user.get(path).headers["X-Cache"] == "HIT")
        assert user.request("PATCH", path, json={"status": "PAID"}).status_code == 200
        assert user.get(path).json()["status"] == "PAID"
        eventually(lambda: user.get(path).json()["processed_at"])
        assert user.get(path).headers["ETag"] == '"v2p"'
        eventually(lambda: service.http.get("/health/ready/").json()["status"] == "ok")
