"""Start, stop and crash the service's process."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from libraries.embedded_postgres.file_lock import FileLock
from tests.e2e.assertions import concurrently
from tests.e2e.service import (
    NO_LIMITS,
    PASSWORD,
    START_TIMEOUT_SECONDS,
    STOP_TIMEOUT_SECONDS,
    Service,
    User,
    a_data_dir,
    a_service,
    environment,
    eventually,
    is_alive,
    long_deadlines_command,
)
from tests.servers.ports import Ports


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A `DATA_DIR` shared by all tests, because creating a cluster takes longer than a test."""
    with a_data_dir() as folder:
        yield folder


@pytest.fixture
def stopped(data_dir: Path) -> Iterator[Service]:
    """A service that hasn't been started yet."""
    with a_service(data_dir, **NO_LIMITS, PROCESSING_DELAY="0") as service:
        yield service


def orders_of(user: User) -> list[dict[str, Any]]:
    """Wait until all of the user's orders are processed, and return them."""
    again = user.service.log_in(user.email)
    eventually(lambda: all(each["processed_at"] for each in again.get("/orders/").json()))
    orders: list[dict[str, Any]] = again.get("/orders/").json()
    return orders


def postgres_of(service: Service) -> int:
    assert service.postgres is not None
    return service.postgres


# --- stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_every_process_with_0_and_logs_no_secret(
    stopped: Service, number: signal.Signals
) -> None:
    service = stopped.start()
    user = service.register()
    user.processed_order()
    postgres = postgres_of(service)
    assert f'"data":"{service.data_dir}"' in service.log
    service.stop(number)
    assert service.postgres is None
    assert not is_alive(postgres)
    for secret in ("Traceback", user.token, PASSWORD):
        assert secret not in service.log
    assert (service.data_dir / "jwt-secret-key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("seconds", [0.05, 0.7])
def test_a_signal_during_the_start_stops_the_service(stopped: Service, seconds: float) -> None:
    stopped.spawn()
    time.sleep(seconds)
    stopped.process.send_signal(signal.SIGTERM)
    assert stopped.process.wait(STOP_TIMEOUT_SECONDS) in {0, -signal.SIGTERM}
    assert stopped.postgres is None
    assert "Traceback" not in stopped.log


def test_no_accepted_request_fails_during_a_stop_or_is_lost(
    stopped: Service,
) -> None:
    service = stopped.start()
    user = service.register()
    accepted: list[dict[str, Any]] = []
    refused: list[int] = []

    def place_orders_until_stopped() -> None:
        while True:
            try:
                answer = user.post_order()
            except httpx.TransportError:
                return
            if answer.is_success:
                accepted.append(answer.json())
            else:
                refused.append(answer.status_code)

    threads = [threading.Thread(target=place_orders_until_stopped) for _ in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(accepted) > 20)
    service.stop()
    for thread in threads:
        thread.join()
    assert refused == []
    service.start()
    for order in accepted:
        shown = user.get(f"/orders/{order['id']}/").json()
        moving = {"processed_at": None, "updated_at": None}
        assert shown | moving == order | moving
    service.stop()


def test_a_stop_logs_stopping_and_stopped(stopped: Service) -> None:
    stopped.start().stop()
    events = [json.loads(line)["event"] for line in stopped.log.splitlines()]
    assert events[0] == "starting"
    assert events[-2:] == ["stopping", "stopped"]


@pytest.mark.parametrize("streams", ["<&- >&- 2>&-", ""], ids=["closed", "without a reader"])
def test_the_service_runs_with_closed_or_unread_streams(data_dir: Path, streams: str) -> None:
    ports, (reading, writing) = Ports(1), os.pipe()
    os.close(reading)
    port = ports.numbers[0]
    service = subprocess.Popen(
        ["sh", "-c", f'exec "$@" {streams}', "sh", *long_deadlines_command(), "serve"],
        stdout=writing,
        stderr=writing,
        cwd=data_dir,
        env=environment({"DATA_DIR": str(data_dir), "PORT": str(port)}),
        start_new_session=True,
    )
    os.close(writing)
    try:
        eventually(lambda: health(port) == 200, within=START_TIMEOUT_SECONDS)
        assert httpx.post(f"http://127.0.0.1:{port}/register/", json={}).status_code == 422
    finally:
        service.terminate()
        ended = service.wait(STOP_TIMEOUT_SECONDS)
        ports.release()
    assert ended == 0


def health(port: int) -> int | None:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/health/").status_code
    return None


# --- kills


def test_a_killed_process_group_loses_no_order(stopped: Service) -> None:
    service = stopped.start()
    user = service.register()
    placed = [answer.json()["id"] for answer in concurrently([user.post_order] * 10)]
    service.kill()
    assert is_alive(postgres_of(service))
    service.start()
    assert {order["id"] for order in orders_of(user)} == set(placed)
    service.stop()


def test_a_killed_service_and_database_lose_no_order(data_dir: Path, stopped: Service) -> None:
    with a_service(data_dir, **NO_LIMITS, PROCESSING_DELAY="600") as slow:
        slow.start()
        user = slow.register()
        placed = [answer.json()["id"] for answer in concurrently([user.post_order] * 10)]
        assert not any(order["processed_at"] for order in user.get("/orders/").json())
        slow.kill_everything()
    stopped.start()
    again = User(stopped, user.id, user.email, user.token)
    assert {order["id"] for order in orders_of(again)} == set(placed)
    stopped.stop()


def test_requests_without_postgresql_are_503(stopped: Service) -> None:
    service = stopped.start()
    user = service.register()
    with FileLock(service.data_dir / "postgres" / "control.lock") as restart_lock:
        eventually(restart_lock.take)
        os.kill(postgres_of(service), signal.SIGKILL)

        def answers() -> list[httpx.Response]:
            ready = service.http.get("/health/ready/")
            return [user.get("/orders/"), user.post_order(), user.get("/me/"), ready]

        # PostgreSQL's child processes keep serving until they notice that their parent has died.
        eventually(lambda: {answer.status_code for answer in answers()} == {503})
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers())
        for path in ("/health/", "/metrics"):
            assert service.http.get(path).status_code == 200
    service.stop()


def test_a_killed_postgresql_is_restarted(stopped: Service) -> None:
    service = stopped.start()
    user = service.register()
    os.kill(postgres_of(service), signal.SIGKILL)
    eventually(lambda: user.post_order().status_code == 201)
    service.stop()


# --- startup failures


def assert_one_sentence(output: str) -> None:
    [line] = [each for each in output.splitlines() if not each.startswith("{")]
    assert line.startswith("orders: ")
    assert "Traceback" not in output


def test_a_second_serve_on_a_data_dir_fails_with_one_sentence(service: Service) -> None:
    done = service.run("serve")
    assert done.returncode == 1
    assert_one_sentence(done.stdout + done.stderr)
    assert service.http.get("/health/").status_code == 200


def test_a_taken_port_fails_with_one_sentence(stopped: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = stopped.run("serve", PORT=port)
    assert done.returncode == 1
    assert_one_sentence(done.stdout + done.stderr)
    sentence = f"Cannot listen on 127.0.0.1:{port} (HOST, PORT): Address already in use."
    assert sentence in done.stderr


@pytest.mark.parametrize("command", [["serve"], ["users", "disable", "a@example.com"]])
def test_invalid_settings_are_all_named_and_exit_with_78(
    stopped: Service, command: list[str]
) -> None:
    bad = {
        "PORT": "http",
        "WORKERS": "0",
        "RATE_LIMIT_ORDERS": "many",
        "STATUS_POLICY": "nobody",
        "DEFAULT_CURRENCY": "EURO",
        "TRUSTED_PROXIES": "10.0.0.0/99",
        "JWT_SECRET_KEY": "short",
        "DATABASE_URL": "mysql://somewhere",
        "PROCESSING_DELAY": "-1",
        "LOG_LEVEL": "LOUD",
    }
    done = stopped.run(*command, **bad)
    assert done.returncode == 78
    assert done.stdout == ""
    named = [line.split(":")[0].strip() for line in done.stderr.splitlines()[1:]]
    assert sorted(named) == sorted(bad)
    assert "Traceback" not in done.stderr


def test_a_missing_secret_exits_with_78_and_is_named(stopped: Service) -> None:
    done = stopped.run("serve", DATABASE_URL="postgresql://ada@127.0.0.1:1/orders")
    assert done.returncode == 78
    assert "JWT_SECRET_KEY" in done.stderr


# --- other commands


def test_migrate_check_exits_with_1_if_the_schema_is_old() -> None:
    with a_data_dir() as folder, a_service(folder) as service:
        steps = (("migrate", "--check"), ("migrate",), ("migrate", "--check"), ("migrate",))
        assert [service.run(*step).returncode for step in steps] == [1, 0, 0, 0]


def test_commands_work_with_and_without_a_running_service(stopped: Service) -> None:
    assert stopped.run("migrate").returncode == 0
    assert stopped.run("migrate", "--check").returncode == 0
    assert stopped.postgres is None
    stopped.start()
    staff = stopped.register_staff()
    eventually(lambda: stopped.http.get("/health/ready/").json()["status"] == "ok")
    stopped.stop()
    taken = stopped.run("users", "create", staff.email, "--password-stdin", stdin=PASSWORD)
    assert taken.returncode == 1
    assert "already an account" in taken.stderr
    assert stopped.postgres is None
