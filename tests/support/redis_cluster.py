"""A real Redis Cluster on this machine. It has three nodes, each with a third of the slots."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from redis import Redis

from tests.servers.lookup import Source, allowed_sources, skip_or_fail
from tests.servers.ports import HOST
from tests.servers.process import LocalServer
from tests.servers.redis import Valkey
from tests.servers.server import Kind, Unavailable
from tests.support.deadlines import LONG

NODES: Final = 3
_SLOTS: Final = 16_384


class ClusterNode(Valkey):
    """A Valkey in cluster mode. Its second port is the cluster bus."""

    ports = 2

    def command(self, folder: Path, ports: Sequence[int]) -> list[str]:
        settings = {
            "cluster-enabled": "yes",
            "cluster-port": str(ports[1]),
            # Long enough that healthy nodes don't count as failed on a busy machine.
            "cluster-node-timeout": "15000",
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return [*super().command(folder, ports), *words]


@dataclass
class RedisCluster:
    """A running cluster. `url` is its first node's address."""

    nodes: list[LocalServer] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.nodes[0].url

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]

    def command(self, node: int, *words: Any) -> Any:
        """Send a command to only one node."""
        with Redis.from_url(self.nodes[node].url, protocol=2) as redis:
            return redis.execute_command(*words)

    def owner_of(self, key: str) -> LocalServer:
        """Return the node that holds a key."""
        slot = int(self.command(0, "CLUSTER", "KEYSLOT", key))
        return self.nodes[slot * NODES // _SLOTS]

    def is_whole(self) -> bool:
        """Return whether all slots are served according to every node."""
        infos = [self._info(number) for number in range(len(self.nodes))]
        return all(
            info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(NODES)
            for info in infos
        )

    def _info(self, node: int) -> dict[str, str]:
        lines = self.command(node, "CLUSTER", "INFO").decode().splitlines()
        return dict(line.split(":", 1) for line in lines)

    def form(self) -> None:
        """Assign the slots and introduce the nodes to each other."""
        for number in range(NODES):
            first, last = _first_slot(number), _first_slot(number + 1) - 1
            self.command(number, "CLUSTER", "ADDSLOTSRANGE", first, last)
            self.command(number, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            port, bus = node._ports.numbers
            self.command(0, "CLUSTER", "MEET", HOST, port, bus)
        deadline = time.monotonic() + LONG
        while not self.is_whole():
            assert time.monotonic() < deadline, [self._info(n) for n in range(NODES)]
            time.sleep(0.05)


def _first_slot(node: int) -> int:
    return -(-node * _SLOTS // NODES)


@contextmanager
def a_redis_cluster() -> Iterator[RedisCluster]:
    """Run a cluster for a single test.

    Raises:
        Unavailable: if the program is not installed on this machine.
    """
    with ExitStack() as stack:
        cluster = RedisCluster()
        for _ in range(NODES):
            node = LocalServer(ClusterNode())
            stack.callback(node.close)
            node.start()
            cluster.nodes.append(node)
        cluster.form()
        yield cluster


@pytest.fixture(scope="module")
def redis_cluster() -> Iterator[RedisCluster]:
    """A cluster shared by all tests in a module."""
    if Source.LOCAL not in allowed_sources(os.environ):
        skip_or_fail(Kind.REDIS, "a cluster is made from local programs alone", os.environ)
    try:
        with a_redis_cluster() as cluster:
            yield cluster
    except Unavailable as missing:
        skip_or_fail(Kind.REDIS, str(missing), os.environ)
