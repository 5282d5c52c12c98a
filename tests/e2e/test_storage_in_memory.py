"""Run the whole service with in-memory storage and without PostgreSQL."""

import subprocess

import pytest

from tests.e2e.service import NO_LIMITS, Service, a_data_dir, a_service, running_service

MEMORY = {"ORDERS_PROVIDERS": "entrypoints.composition.providers.memory:MemoryStorageProvider"}
REFUSED = (
    "orders: The storage in memory (ORDERS_PROVIDERS) belongs to one `orders serve` that runs every"
    " role: no other process can use it.\n"
)


def programs_of(service: Service) -> list[str]:
    """Return the programs that the process and its descendants run, in any session."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,comm="], capture_output=True, text=True, check=True
    )
    processes = [line.split(None, 2) for line in listed.stdout.splitlines()]
    family = {str(service.process.pid)}
    for pid, parent, _ in processes:
        if parent in family:
            family.add(pid)
    return [name for pid, _, name in processes if pid in family]


def test_orders_are_placed_and_processed_without_postgresql() -> None:
    with running_service(**MEMORY, **NO_LIMITS, PROCESSING_DELAY="0") as service:
        order = service.register().processed_order()
        assert order["status"] == "PENDING"
        assert not [name for name in programs_of(service) if "postgres" in name]
        assert [path.name for path in service.data_dir.iterdir()] == ["jwt-secret-key"]
        assert '"storage":"memory"' in service.log
        ready = service.http.get("/health/ready/").json()
        assert ready == {"status": "ok", "checks": {}, "reasons": {}}


@pytest.mark.parametrize("command", [["audit"], ["outbox", "status"], ["migrate", "--check"]])
def test_another_process_refuses_an_empty_storage_in_memory(command: list[str]) -> None:
    with a_data_dir() as folder, a_service(folder, **MEMORY) as service:
        done = service.run(*command, LOG_LEVEL="WARNING")
        if command[0] == "migrate":
            assert (done.returncode, f"orders: {done.stdout}") == (1, REFUSED)
        else:
            assert (done.returncode, done.stdout, done.stderr) == (78, "", REFUSED)
        assert list(folder.iterdir()) == []
