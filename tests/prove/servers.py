"""The servers of a run, behind proxies that can disturb the network, and all processes."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from adapters.kafka.partitions import PARTITIONS
from tests.faults.cluster import Cluster, a_cluster
from tests.prove.small_disk import SmallDisk, small_disk
from tests.servers.kafka import Kafka, SecondBroker
from tests.servers.postgres import Postgres
from tests.servers.process import LocalServer
from tests.servers.redis import Valkey
from tests.support.fault_proxy import HOST, FaultProxy

#: Processes of each role.
_EACH: Final = 2
#: The second broker leads the partitions with odd numbers, and has the only copy of them.
_BROKERS: Final = 2


@dataclass(slots=True)
class Target:
    """Everything that can be hurt."""

    postgres: LocalServer
    redis: LocalServer
    broker: LocalServer
    second_broker: LocalServer
    proxies: dict[str, FaultProxy]
    cluster: Cluster
    #: PostgreSQL's disk, or None if this user isn't allowed to mount one.
    disk: SmallDisk | None
    #: A folder for snapshots.
    folder: Path
    notes: list[str] = field(default_factory=list)

    @property
    def database(self) -> str:
        """The database's URL without the proxy."""
        name = self.cluster.settings["DATABASE_URL"].rpartition("/")[2]
        return f"{self.postgres.url.rpartition('/')[0]}/{name}"

    @property
    def bootstrap(self) -> str:
        """The brokers' addresses without the proxy."""
        return f"{self.broker.url},{self.second_broker.url}"


@dataclass(frozen=True)
class _Proxied:
    url: str


@contextmanager
def a_target(folder: Path) -> Iterator[Target]:
    """Start all servers and processes, and stop them at the end."""
    with ExitStack() as stack:
        postgres = LocalServer(Postgres())
        disk = stack.enter_context(small_disk(postgres.folder))
        _started(postgres, stack)
        redis = _started(LocalServer(Valkey()), stack)
        # The brokers tell clients the address of the proxy, so that all traffic passes it.
        to_kafka = stack.enter_context(FaultProxy(HOST, 0))
        broker = LocalServer(Kafka(advertised_port=to_kafka.port))
        to_kafka.redirect(f"tcp://{broker.url}")
        _started(broker, stack)
        second = _started(LocalServer(SecondBroker(broker.controller_port)), stack)
        to_postgres = stack.enter_context(FaultProxy.to(postgres.url))
        to_redis = stack.enter_context(FaultProxy.to(redis.url))
        prefix = f"prove{uuid4().hex[:6]}."
        asyncio.run(_create_topics(broker.url, prefix))
        cluster = stack.enter_context(
            a_cluster(
                _Proxied(to_postgres.through(postgres.url)),
                _Proxied(to_redis.through(redis.url)),
                _Proxied(f"{HOST}:{to_kafka.port},{second.url}"),
                each=_EACH,
                KEEP_DEADLINES="ALL",
                KAFKA_TOPIC_PREFIX=prefix,
                SWEEP_AFTER="5",
            )
        )
        proxies = {"PostgreSQL": to_postgres, "Redis": to_redis, "Kafka": to_kafka}
        yield Target(postgres, redis, broker, second, proxies, cluster, disk, folder)


def _started(server: LocalServer, stack: ExitStack) -> LocalServer:
    stack.callback(server.close)
    server.start()
    return server


async def _create_topics(bootstrap: str, prefix: str) -> None:
    """Create topics without replicas, so that a lost broker is a partition without a leader."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topics = [
            NewTopic(
                f"{prefix}{name}",
                -1,
                -1,
                replica_assignments={each: [1 + each % _BROKERS] for each in range(partitions)},
            )
            for name, partitions in PARTITIONS.items()
        ]
        await admin.create_topics(topics)
    finally:
        await admin.close()
