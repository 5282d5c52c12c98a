"""Everything that can be done to the service and its servers, one function per fault.

A fault happens during its `with` block, and is healed when the block ends.
"""

import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from tests.e2e.service import Service
from tests.faults.cluster import Role, run_concurrently
from tests.prove.servers import Target
from tests.servers.databases import fetch_value
from tests.servers.process import LocalServer
from tests.support.fault_proxy import FaultProxy, Way
from tests.support.postgres import beside

#: How long a fault lasts, in seconds.
_SHORT, _LONG = 0.3, 2.0
_LATENCY_SECONDS: Final = 0.05
_BYTES_PER_SECOND: Final = 20_000
_TERMINATE: Final = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND datname = $1
"""

Hurt = Callable[[Target, Random], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is hurt, and how."""

    victim: str
    what: str
    hurt: Hurt

    @property
    def name(self) -> str:
        return f"{self.victim}: {self.what}"


def _last(random: Random) -> None:
    """Let a fault last for a while."""
    time.sleep(random.uniform(_SHORT, _LONG))


# --- Processes of the service

_ROLES: Final[Mapping[str, Callable[[Target], Sequence[Service | Role]]]] = {
    "API": lambda target: target.cluster.apis,
    "relay": lambda target: target.cluster.relays,
    "consumer": lambda target: target.cluster.consumers,
    "worker": lambda target: target.cluster.workers,
}


@contextmanager
def _killed(role: str, target: Target, random: Random) -> Iterator[None]:
    process = random.choice(_ROLES[role](target))
    process.kill()
    yield
    process.start()


@contextmanager
def _frozen(role: str, target: Target, random: Random) -> Iterator[None]:
    process = random.choice(_ROLES[role](target)).process
    process.send_signal(signal.SIGSTOP)
    yield
    process.send_signal(signal.SIGCONT)


@contextmanager
def _stopped(role: str, target: Target, random: Random) -> Iterator[None]:
    process = random.choice(_ROLES[role](target))
    process.stop()
    yield
    process.start()


@contextmanager
def _all_killed(role: str, target: Target, _: Random) -> Iterator[None]:
    processes = _ROLES[role](target)
    for process in processes:
        process.kill()
    yield
    run_concurrently(process.start for process in processes)


# --- Servers

_SERVERS: Final[Mapping[str, Callable[[Target], LocalServer]]] = {
    "PostgreSQL": lambda target: target.postgres,
    "Redis": lambda target: target.redis,
    "Kafka": lambda target: target.broker,
    "one of two brokers": lambda target: target.second_broker,
}


@contextmanager
def _server_killed(name: str, target: Target, _: Random) -> Iterator[None]:
    server = _SERVERS[name](target)
    server.kill()
    yield
    server.start()


@contextmanager
def _server_frozen(name: str, target: Target, _: Random) -> Iterator[None]:
    server = _SERVERS[name](target)
    server.pause()
    yield
    server.resume()


@contextmanager
def _emptied(target: Target, _: Random) -> Iterator[None]:
    target.redis.stop()
    yield
    target.redis.start(empty=True)


@contextmanager
def _restored(target: Target, random: Random) -> Iterator[None]:
    """Restore Redis from a snapshot that is older than some writes."""
    snapshot = target.folder / "redis"
    target.redis.stop()
    shutil.rmtree(snapshot, ignore_errors=True)
    shutil.copytree(target.redis.data, snapshot)
    target.redis.start()
    _last(random)
    target.redis.kill()
    shutil.rmtree(target.redis.data)
    shutil.copytree(snapshot, target.redis.data)
    yield
    target.redis.start()


@contextmanager
def _read_only(target: Target, _: Random) -> Iterator[None]:
    """Fail over to a node that doesn't accept writes yet."""
    name = target.database.rpartition("/")[2]
    setting = f"ALTER DATABASE {name} {{}} default_transaction_read_only"
    beside(fetch_value, target.postgres.url, setting.format("SET") + " = on")
    beside(fetch_value, target.postgres.url, _TERMINATE, name)
    yield
    beside(fetch_value, target.postgres.url, setting.format("RESET"))


@contextmanager
def _disk_full(target: Target, _: Random) -> Iterator[None]:
    """Let writes fail with ENOSPC. PostgreSQL ends if it can't write its log of changes."""
    disk = target.disk
    assert disk is not None
    disk.fill()
    yield
    disk.free()
    if not target.postgres.is_running:
        target.postgres.kill()
        target.postgres.start()


# --- The network


@contextmanager
def _network(
    server: str, disturb: Callable[[FaultProxy], object], target: Target, _: Random
) -> Iterator[None]:
    proxy = target.proxies[server]
    disturb(proxy)
    yield
    proxy.heal()


def _one_way(way: Way) -> Callable[[FaultProxy], object]:
    return lambda proxy: proxy.silence(frozenset({way}))


_NETWORK: Final[Mapping[str, Callable[[FaultProxy], object]]] = {
    "latency of 100 ms": lambda proxy: proxy.delay(_LATENCY_SECONDS),
    "connections reset": lambda proxy: proxy.reset(),
    "connections half-open": lambda proxy: proxy.forget(),
    "requests lost": _one_way(Way.TO_SERVER),
    "responses lost": _one_way(Way.TO_CLIENT),
    "bandwidth of 20 kB/s": lambda proxy: proxy.throttle(_BYTES_PER_SECOND),
    "connections refused": lambda proxy: proxy.refuse(),
}

#: The only fault that needs the right to mount a file system.
DISK_FULL: Final = Fault("PostgreSQL", "disk full", _disk_full)

FAULTS: Final[Sequence[Fault]] = (
    *(Fault(role, "kill -9", partial(_killed, role)) for role in _ROLES),
    *(Fault(role, "all killed", partial(_all_killed, role)) for role in _ROLES),
    *(Fault(role, "frozen", partial(_frozen, role)) for role in _ROLES),
    *(Fault(role, "SIGTERM", partial(_stopped, role)) for role in _ROLES),
    *(Fault(name, "kill -9", partial(_server_killed, name)) for name in _SERVERS),
    *(Fault(name, "frozen", partial(_server_frozen, name)) for name in _SERVERS),
    Fault("Redis", "emptied", _emptied),
    Fault("Redis", "older snapshot restored", _restored),
    DISK_FULL,
    Fault("PostgreSQL", "read-only after a failover", _read_only),
    *(
        Fault(server, f"network: {what}", partial(_network, server, disturb))
        for server in ("PostgreSQL", "Redis", "Kafka")
        for what, disturb in _NETWORK.items()
    ),
)


def hurt(fault: Fault, target: Target, random: Random) -> None:
    """Hurt the target for a while, and heal it."""
    with fault.hurt(target, random):
        _last(random)


def schedule(seed: int, *, can_fill_disk: bool = True) -> Iterator[Fault]:
    """Yield every possible fault once in a random sequence, and then in another one, forever."""
    random = Random(seed)
    while True:
        for fault in random.sample(FAULTS, len(FAULTS)):
            if can_fill_disk or fault is not DISK_FULL:
                yield fault
