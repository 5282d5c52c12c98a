"""A full disk, and a process without file descriptors: a clear error, and nothing is lost."""

import resource
import socket
from contextlib import ExitStack
from http.client import HTTPResponse
from typing import Final

import pytest

from tests.e2e.service import (
    ANSWER_TIMEOUT_SECONDS,
    NO_LIMITS,
    START_TIMEOUT_SECONDS,
    TEA,
    a_data_dir,
    a_service,
    eventually,
)
from tests.faults.cluster import a_cluster
from tests.servers.databases import execute
from tests.servers.plugin import Shared
from tests.support.postgres import beside

#: The embedded PostgreSQL needs 58 file descriptors to start.
FEW_FILES: Final = 64
#: Less than the first file of the write-ahead log.
SMALL_FILE_BYTES: Final = 1_000_000

#: PostgreSQL's error on a full disk. Filling a real one needs root, so only `make prove` does it.
DISK_FULL: Final = """
CREATE FUNCTION fail_on_full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE 'could not extend file "base/5/16384": No space left on device'
        USING ERRCODE = 'disk_full';
END $$;
CREATE TRIGGER disk_is_full BEFORE INSERT ON {table} EXECUTE FUNCTION fail_on_full_disk();
"""
DISK_FREED: Final = "DROP FUNCTION fail_on_full_disk CASCADE"


def test_clients_past_the_file_descriptors_are_served_by_closing_idle_connections() -> None:
    with a_data_dir() as folder, a_service(folder, **NO_LIMITS) as service, ExitStack() as stack:
        service.limits = {resource.RLIMIT_NOFILE: FEW_FILES}
        user = service.start().register()
        url = service.http.base_url
        for _ in range(2 * FEW_FILES):
            connection = stack.enter_context(
                socket.create_connection((url.host, url.port or 80), ANSWER_TIMEOUT_SECONDS)
            )
            connection.sendall(b"GET /health/ HTTP/1.1\r\nHost: shop.example\r\n\r\n")
            with HTTPResponse(connection) as answer:
                answer.begin()
                assert answer.status == 200
        assert user.order()["id"]
        stack.close()
        assert user.processed_order()
        assert "connections are open, so idle ones are closed" in service.log
        assert '"level":"error"' not in service.log
        assert "Traceback" not in service.log
        service.stop()


def test_embedded_start_without_room_ends_with_a_sentence_and_works_once_there_is_room() -> None:
    with a_data_dir() as folder, a_service(folder, **NO_LIMITS) as service:
        service.limits = {resource.RLIMIT_FSIZE: SMALL_FILE_BYTES}
        service.spawn()
        assert service.process.wait(START_TIMEOUT_SECONDS) == 1
        *_, sentence = service.log.splitlines()
        assert sentence.startswith("orders: PostgreSQL's initdb failed")
        assert "File too large" in sentence
        assert "Traceback" not in service.log
        service.limits = {}
        assert service.start().register().processed_order()
        service.stop()


@pytest.mark.parametrize("table", ["outbox", "effects"])
def test_full_disk_of_postgresql_is_a_503_and_loses_nothing(
    table: str, postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    """Either new orders fail in the API, or their processing fails in the worker."""
    with a_cluster(postgres_server, redis_server, kafka_server, SWEEP_AFTER="1") as cluster:
        user = cluster.api.register()
        before = user.processed_order()
        beside(execute, cluster.settings["DATABASE_URL"], DISK_FULL.format(table=table))
        answer = user.post_order()
        if table == "outbox":
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert answer.json()["code"] == "unavailable"
            assert answer.json()["detail"].endswith("nothing was changed.")
            eventually(lambda: "No space left on device" in cluster.api.log)
        else:
            assert answer.status_code == 201
            eventually(lambda: "No space left on device" in cluster.workers[0].log)
        assert user.get(f"/orders/{before['id']}/").status_code == 200
        beside(execute, cluster.settings["DATABASE_URL"], DISK_FREED)
        assert user.request("POST", "/orders/", json=TEA).status_code == 201
        cluster.assert_drained(2 if table == "outbox" else 3)
        for process in cluster.processes:
            assert "Traceback" not in process.log
