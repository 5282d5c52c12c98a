"""Loops never stall, processes don't outlive their parent, and stopping doesn't repeat events."""

import asyncio
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import asyncpg
import httpx

from tests.e2e.service import (
    ANSWER_TIMEOUT_SECONDS,
    STOP_TIMEOUT_SECONDS,
    Service,
    eventually,
    is_alive,
)
from tests.faults.cluster import Cluster, Role, a_cluster
from tests.servers.plugin import NewServer, Shared
from tests.servers.ports import HOST, Ports
from tests.servers.watchdog import process_tree
from tests.support.deadlines import LONG
from tests.support.fault_proxy import FaultProxy

#: Long enough that nothing is requeued in these tests.
NEVER = "86400"
RESETS = 12
UNREACHABLE, REACHABLE = "the database is unreachable", "the database is reachable again"


@contextmanager
def a_role(cluster: Cluster, name: str, **settings: str) -> Iterator[Role]:
    """Run another process for a role, with an admin port."""
    ports = Ports(1)
    role = cluster.role(name, ADMIN_PORT=str(ports.numbers[0]), **settings)
    try:
        yield role.start()
    finally:
        role.close()
        ports.release()


def has_logged(role: Role, text: str, times: int) -> bool:
    return role.log.count(text) >= times


def health(role: Role) -> httpx.Response:
    url = f"http://{HOST}:{role.settings['ADMIN_PORT']}/health/"
    return httpx.get(url, timeout=ANSWER_TIMEOUT_SECONDS)


def test_a_worker_survives_repeated_connection_resets(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    with (
        a_cluster(postgres_server, redis_server, kafka_server, SWEEP_AFTER=NEVER) as cluster,
        FaultProxy.to(redis_server.url) as proxy,
    ):
        [worker] = cluster.workers
        worker.stop()
        user = cluster.api.register()
        with a_role(cluster, "work", REDIS_URL=proxy.through(redis_server.url)) as hurt:
            placed = 0
            for _ in range(RESETS):
                placed += len([user.order() for _ in range(5)])
                eventually(proxy.reset)
                time.sleep(1)
            cluster.assert_drained(placed)
            assert health(hurt).json() == {"status": "ok"}
            hurt.stop()
            assert "Traceback" not in hurt.log
            assert '"level":"error"' not in hurt.log
        worker.start()


def test_an_outage_of_postgresql_logs_no_errors(
    new_postgres: NewServer, redis_server: Shared, kafka_server: Shared
) -> None:
    with (
        new_postgres() as postgres,
        a_cluster(postgres, redis_server, kafka_server, PROCESSING_DELAY="1") as cluster,
    ):
        user = cluster.api.register()
        roles = [*cluster.relays, *cluster.consumers, *cluster.workers]
        for times, end in enumerate((postgres.stop, postgres.kill), start=1):
            for _ in range(20):
                user.order()
            end()
            for role in (cluster.relays[0], cluster.workers[0]):
                eventually(partial(has_logged, role, UNREACHABLE, times), within=LONG)
            time.sleep(3)
            postgres.start()
            eventually(lambda: user.post_order().status_code == 201, within=LONG)
            cluster.wait_until_finished()
        cluster.assert_drained(cluster.orders())
        for role in roles:
            assert "Traceback" not in role.log
            assert '"level":"error"' not in role.log
            assert role.log.count(UNREACHABLE) == role.log.count(REACHABLE)


def test_workers_end_and_free_the_port_when_their_parent_is_killed(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    ports = Ports(1)
    with a_cluster(postgres_server, redis_server, kafka_server) as cluster:
        settings = cluster.settings | {"WORKERS": "2", "PORT": str(ports.numbers[0])}
        service = Service(cluster.api.data_dir, settings)
        try:
            parent = service.start().process
            workers = process_tree(parent.pid)[1:]
            assert len(workers) >= 2
            parent.send_signal(signal.SIGKILL)
            parent.wait()
            eventually(lambda: not any(is_alive(pid) for pid in workers), within=LONG)
            service.start()
            service.stop()
        finally:
            service.close()
            ports.release()


class LockedOutbox:
    """Block changes to the outbox. Its rows can still be read and locked."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._locked, self._release = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._hold()))

    async def _hold(self) -> None:
        connection = await asyncpg.connect(self._url)
        async with connection.transaction():
            await connection.execute("LOCK TABLE outbox IN SHARE MODE")
            self._locked.set()
            await asyncio.to_thread(self._release.wait, LONG)
        await connection.close()

    def __enter__(self) -> None:
        self._thread.start()
        assert self._locked.wait(LONG)

    def __exit__(self, *_: object) -> None:
        self._release.set()
        self._thread.join()


def test_a_relay_stopped_within_a_batch_repeats_no_event(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    with a_cluster(postgres_server, redis_server, kafka_server) as cluster:
        user = cluster.api.register()
        [relay] = cluster.relays
        relay.stop()
        placed = [user.order()["id"] for _ in range(20)]
        with LockedOutbox(cluster.settings["DATABASE_URL"]):
            relay.start()
            # The events have been published, and the relay is waiting to mark them.
            eventually(lambda: len(cluster.messages("new_order")) == len(placed), within=LONG)
            relay.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        assert relay.process.wait(STOP_TIMEOUT_SECONDS) == 0
        relay.start()
        cluster.assert_drained(len(placed))
        published = Counter(record.key.decode() for record in cluster.messages("new_order"))
        assert published == Counter(placed)
