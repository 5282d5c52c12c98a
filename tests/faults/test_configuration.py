"""Invalid settings, and servers that aren't available when a process starts."""

import asyncio
import json
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs

from entrypoints.composition.errors import CannotStart, Misconfigured
from entrypoints.composition.providers.postgres import wait
from tests.e2e.service import (
    START_TIMEOUT_SECONDS,
    Service,
    a_data_dir,
    environment,
    eventually,
    orders_command,
    running_service,
)
from tests.faults.cluster import SECRET, Role
from tests.servers.databases import create_database, drop_database
from tests.servers.plugin import NewServer, Shared
from tests.servers.ports import Ports
from tests.support.deadlines import LONG
from tests.support.postgres import beside

ALL = {
    "DATABASE_URL": "postgresql://ada@127.0.0.1:1/orders",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "JWT_SECRET_KEY": SECRET,
}


def run(*command: str, folder: Path, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*orders_command(), *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment(settings),
        timeout=START_TIMEOUT_SECONDS,
    )


@pytest.mark.parametrize(
    ("role", "missing"),
    [
        ("relay", ["KAFKA_BOOTSTRAP_SERVERS"]),
        ("consume", ["REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"]),
        ("work", ["DATABASE_URL", "REDIS_URL"]),
    ],
)
def test_a_role_names_missing_services_and_does_not_start(
    role: str, missing: list[str], tmp_path: Path
) -> None:
    settings_without = {name: text for name, text in ALL.items() if name not in missing}
    done = run(role, folder=tmp_path, settings=settings_without)
    assert (done.returncode, done.stdout) == (78, "")
    assert [line.split(":")[0].strip() for line in done.stderr.splitlines()[1:]] == missing


@pytest.mark.parametrize("command", ["serve", "relay", "work", "migrate"])
def test_every_malformed_address_is_named_without_a_traceback(command: str, tmp_path: Path) -> None:
    bad = {"DATABASE_URL": "mysql://a", "REDIS_URL": "http://a", "KAFKA_BOOTSTRAP_SERVERS": "a"}
    done = run(command, folder=tmp_path, settings=ALL | bad)
    assert (done.returncode, done.stdout) == (78, "")
    assert [line.split(":")[0].strip() for line in done.stderr.splitlines()[1:]] == list(bad)
    assert "Traceback" not in done.stderr


def test_several_workers_require_all_services(tmp_path: Path) -> None:
    done = run("serve", folder=tmp_path, settings={"WORKERS": "2"})
    assert (done.returncode, done.stdout) == (78, "")
    assert "WORKERS" in done.stderr


def test_a_role_waits_for_postgresql_but_not_for_a_schema(
    new_postgres: NewServer, tmp_path: Path
) -> None:
    with new_postgres() as postgres:
        settings = ALL | {"DATABASE_URL": postgres.url}
        refused = run("relay", folder=tmp_path, settings=settings)
        assert (refused.returncode, refused.stderr.splitlines()[-1]) == (
            78,
            "orders: The database (DATABASE_URL) has no schema yet: run `orders migrate`.",
        )
        steps = (["migrate", "--check"], ["migrate"], ["migrate", "--check"])
        codes = [run(*step, folder=tmp_path, settings=settings).returncode for step in steps]
        assert codes == [1, 0, 0]
        postgres.stop()
        relay = Role("relay", tmp_path, settings)
        try:
            relay.spawn()
            eventually(lambda: "waiting for PostgreSQL (DATABASE_URL)" in relay.log)
            postgres.start()
            eventually(lambda: "orders relay is ready." in relay.log)
            relay.stop()
        finally:
            relay.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (ALL["DATABASE_URL"], "Connection refused"),
        ("postgresql://ada@nowhere.invalid/orders", "the host nowhere.invalid: "),
    ],
)
def test_unreachable_postgresql_is_logged_and_then_reported_in_one_sentence(
    url: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "_WAIT_SECONDS", 0.0)
    sentence = rf"^PostgreSQL \(DATABASE_URL\) does not answer: {reason}"
    with capture_logs() as logs, pytest.raises(CannotStart, match=sentence):
        beside(wait.wait_for_postgresql, url)
    [log] = logs
    assert log["event"] == "waiting for PostgreSQL (DATABASE_URL)"
    assert log["reason"].startswith(reason)
    assert log["seconds_left"] == 0


@pytest.mark.parametrize(("log_seconds", "logged"), [(0.0, 3), (1000 * LONG, 1)])
def test_a_wait_for_postgresql_is_logged_at_intervals(
    log_seconds: float, logged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[Exception | None] = [ConnectionRefusedError(111, "refused")] * 3

    async def fail(_: object) -> Exception | None:
        return failures.pop() if failures else None

    monkeypatch.setattr(wait, "_failure_of", fail)
    monkeypatch.setattr(wait, "_WAIT_SECONDS", 1000 * LONG)
    monkeypatch.setattr(wait, "_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(wait, "_LOG_SECONDS", log_seconds)
    with capture_logs() as logs:
        beside(wait.wait_for_postgresql, ALL["DATABASE_URL"])
    assert len(logs) == logged


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"password": "wrong"}, 'password authentication failed for user "postgres"'),
        ({"user": "nobody"}, 'password authentication failed for user "nobody"'),
        ({"dbname": "nowhere"}, 'database "nowhere" does not exist'),
        ({"sslmode": "require"}, "rejected SSL upgrade"),
    ],
)
def test_permanent_connection_errors_are_not_retried(
    change: dict[str, str], reason: str, postgres_server: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "_WAIT_SECONDS", 1000 * LONG)
    monkeypatch.setattr("adapters.postgres.connector._CONNECT_TIMEOUT_SECONDS", LONG)
    monkeypatch.setattr("adapters.postgres.database._timeout", lambda _: asyncio.timeout(LONG))
    url = f"{postgres_server.url}?{urlencode(change)}"
    with capture_logs() as logs, pytest.raises(Misconfigured, match=reason):
        beside(wait.wait_for_postgresql, url)
    assert logs == []


@pytest.mark.parametrize(
    ("command", "workers"), [("serve", "1"), ("serve", "2"), ("relay", "1"), ("migrate", "1")]
)
def test_a_wrong_password_is_reported_as_a_wrong_setting(
    command: str, workers: str, postgres_server: Shared, tmp_path: Path
) -> None:
    url = f"{postgres_server.url}?password=wrong"
    settings = ALL | {"DATABASE_URL": url, "WORKERS": workers, "PORT": "0"}
    done = run(command, folder=tmp_path, settings=settings)
    assert done.returncode == 78, done.stderr
    assert done.stderr.splitlines()[-1].startswith("orders: PostgreSQL (DATABASE_URL) refuses")
    assert "Traceback" not in done.stderr


def readiness(service: Service) -> tuple[int, str, dict[str, str]]:
    answer = service.http.get("/health/ready/")
    report = answer.json()
    return answer.status_code, report["status"], report["checks"]


def test_every_process_starts_without_redis_and_kafka_and_warns_once(
    postgres_server: Shared, migrated: str
) -> None:
    ports = Ports(2)
    redis, kafka = ports.numbers
    url = beside(create_database, postgres_server.url, migrated)
    settings = {
        "DATABASE_URL": url,
        "REDIS_URL": f"redis://127.0.0.1:{redis}/0",
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka}",
        "JWT_SECRET_KEY": SECRET,
    }
    with a_data_dir() as folder:
        roles = [Role(name, folder, settings) for name in ("relay", "consume", "work")]
        try:
            for role in roles:
                role.start()
            with running_service(**settings) as service:
                without = {"postgresql": "ok", "redis": "down", "kafka": "down"}
                eventually(lambda: readiness(service) == (200, "degraded", without))
                user = service.register()
                order = user.order()
                assert user.get(f"/orders/{order['id']}/").headers["X-Cache"] == "BYPASS"
                logs = [service.log, *(role.log for role in roles)]
            for role in roles:
                role.stop()
        finally:
            for role in roles:
                role.close()
            ports.release()
            beside(drop_database, postgres_server.url, url)
    for log, name in zip(logs, ("serve", "relay", "consume", "work"), strict=True):
        unavailable = ["REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"]
        for setting in (
            unavailable[:1] if name == "work" else unavailable
        ):  # workers don't need Kafka
            warnings = [line for line in log.splitlines() if setting in line]
            assert len(warnings) == 1, log
            assert json.loads(warnings[0])["level"] == "warning"
