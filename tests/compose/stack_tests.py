"""The whole life of a stack: start it, place an order, kill and restart every container, scale each
role to three containers, and remove it.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.compose.stack import Stack, docker
from tests.e2e.service import PASSWORD, TEA, an_email, eventually

ROLES = ("relay", "consumer", "worker")
SERVERS = ("postgres", "redis", "kafka")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    stack = Stack()
    try:
        stack.up("--build")
        yield stack
    finally:
        stack.close()


@pytest.fixture(scope="module")
def http(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=120) as client:
        email = an_email()
        form = {"username": email, "password": PASSWORD}
        # A repeated registration is 409 if a 503 hid the success of the first.
        _send_until(client, {201, 409}, "/register/", json={"email": email, "password": PASSWORD})
        token = _send_until(client, {200}, "/token/", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def _send_until(
    http: httpx.Client, expected: set[int], path: str, **content: Any
) -> httpx.Response:
    """Send a POST until its status is expected. Servers that are still starting, or that run on a
    slow machine, may cause 503.
    """
    received: list[httpx.Response] = []

    def is_expected() -> bool:
        try:
            received.append(http.post(path, **content))
        except httpx.TransportError:  # the API's own container is still starting
            return False
        assert received[-1].status_code in {*expected, 503}, received[-1].text
        return received[-1].status_code in expected

    eventually(is_expected, within=180)
    return received[-1]


def place_and_see_processed(http: httpx.Client) -> str:
    """Place an order, wait until it is processed, and return its id."""
    placed = _send_until(http, {201}, "/orders/", json=TEA)
    path = placed.headers["location"]
    eventually(lambda: _is_processed(http.get(path)), within=180)
    return str(placed.json()["id"])


def _is_processed(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.json()["processed_at"] is not None


def test_an_order_is_cached_published_and_processed(stack: Stack, http: httpx.Client) -> None:
    order = place_and_see_processed(http)
    eventually(lambda: http.get(f"/orders/{order}/").headers["x-cache"] == "HIT")
    assert order in stack.compose("exec", "-T", "redis", "redis-cli", "--scan")
    offsets = "/opt/kafka/bin/kafka-console-consumer.sh --bootstrap-server localhost:9092"
    read = f"{offsets} --topic new_order --from-beginning --timeout-ms 30000 || true"
    assert order in stack.compose("exec", "-T", "kafka", "bash", "-c", read)


def test_only_the_api_has_a_published_port(stack: Stack) -> None:
    published = {
        each["Service"]
        for each in stack.containers()
        if any(port["PublishedPort"] for port in each["Publishers"] or ())
    }
    assert published == {"api"}


def test_no_secret_is_in_container_descriptions_or_logs(stack: Stack) -> None:
    public_text = stack.inspect() + stack.compose("logs", "--no-color")
    for name in ("jwt-secret-key", "postgres-password"):
        file = f"/var/lib/orders-secrets/{name}"
        secret = stack.compose("exec", "-T", "api", "cat", file)
        assert len(secret) >= 32
        assert secret not in public_text


def test_our_processes_are_not_root_and_have_a_read_only_root(stack: Stack) -> None:
    for service in ("api", *ROLES):
        assert stack.compose("exec", "-T", service, "id", "-u").strip() == "10001"
        mounts = stack.compose("exec", "-T", service, "cat", "/proc/mounts").splitlines()
        root = next(line.split() for line in mounts if line.split()[1] == "/")
        assert root[3].split(",")[0] == "ro"


@pytest.mark.parametrize("service", ["api", *ROLES, *SERVERS])
def test_orders_are_processed_after_a_container_is_killed(
    stack: Stack, http: httpx.Client, service: str
) -> None:
    stack.compose("kill", service)
    stack.up()
    place_and_see_processed(http)


@pytest.mark.parametrize("service", ["api", *ROLES, *SERVERS])
def test_orders_are_processed_after_a_container_restarts(
    stack: Stack, http: httpx.Client, service: str
) -> None:
    stack.compose("restart", service)
    stack.up()
    place_and_see_processed(http)


@pytest.mark.parametrize("service", ["api", *ROLES])
def test_a_stopped_container_exits_with_0(stack: Stack, service: str) -> None:
    stack.compose("stop", service)
    [container] = stack.compose("ps", "--all", "--quiet", service).split()
    assert docker("inspect", "--format", "{{.State.ExitCode}}", container).strip() == "0"
    stack.up()


def test_a_second_start_keeps_the_secrets_and_the_data(stack: Stack, http: httpx.Client) -> None:
    order = place_and_see_processed(http)
    stack.down()
    stack.up()
    eventually(lambda: http.get(f"/orders/{order}/").status_code == 200)


def test_the_background_roles_scale_to_three(stack: Stack, http: httpx.Client) -> None:
    stack.up(*(word for role in ROLES for word in ("--scale", f"{role}=3")))
    assert all(len(stack.containers(role)) == 3 for role in ROLES)
    for _ in range(5):
        place_and_see_processed(http)
    assert "lost=0 duplicated=0 stuck=0" in stack.run("audit")
