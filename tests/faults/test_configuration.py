"""Settings that are wrong, and servers that are not there when a process starts."""

import json
import subprocess
from pathlib import Path

import pytest

from entrypoints.composition import schema
from entrypoints.composition.errors import CannotStart
from tests.e2e.service import (
    START_WITHIN,
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
        timeout=START_WITHIN,
    )


@pytest.mark.parametrize(
    ("role", "missing"),
    [
        ("relay", ["KAFKA_BOOTSTRAP_SERVERS"]),
        ("consume", ["REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"]),
        ("work", ["DATABASE_URL", "REDIS_URL"]),
    ],
)
def test_a_role_of_its_own_refuses_without_all_services_and_names_what_is_missing(
    role: str, missing: list[str], tmp_path: Path
) -> None:
    given = {name: text for name, text in ALL.items() if name not in missing}
    done = run(role, folder=tmp_path, settings=given)
    assert (done.returncode, done.stdout) == (78, "")
    assert [line.split(":")[0].strip() for line in done.stderr.splitlines()[1:]] == missing


@pytest.mark.parametrize("command", ["serve", "relay", "work", "migrate"])
def test_malformed_addresses_are_all_named_without_a_traceback(
    command: str, tmp_path: Path
) -> None:
    bad = {"DATABASE_URL": "mysql://a", "REDIS_URL": "http://a", "KAFKA_BOOTSTRAP_SERVERS": "a"}
    done = run(command, folder=tmp_path, settings=ALL | bad)
    assert (done.returncode, done.stdout) == (78, "")
    assert [line.split(":")[0].strip() for line in done.stderr.splitlines()[1:]] == list(bad)
    assert "Traceback" not in done.stderr


def test_several_workers_are_refused_without_all_services(tmp_path: Path) -> None:
    done = run("serve", folder=tmp_path, settings={"WORKERS": "2"})
    assert (done.returncode, done.stdout) == (78, "")
    assert "WORKERS" in done.stderr


def test_postgresql_is_waited_for_but_a_schema_is_not(
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


def test_who_waits_in_vain_for_postgresql_says_so_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schema, "_PATIENCE", 0.1)
    with pytest.raises(CannotStart, match=r"^PostgreSQL \(DATABASE_URL\) does not answer: .+"):
        beside(schema.require_head, ALL["DATABASE_URL"])


def readiness(service: Service) -> tuple[int, str, dict[str, str]]:
    answer = service.http.get("/health/ready/")
    report = answer.json()
    return answer.status_code, report["status"], report["checks"]


def test_without_redis_and_kafka_every_process_starts_and_says_so_once(
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
        unheard = ["REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"]
        for setting in unheard[:1] if name == "work" else unheard:  # a worker needs no Kafka
            said = [line for line in log.splitlines() if setting in line]
            assert len(said) == 1, log
            assert json.loads(said[0])["level"] == "warning"
