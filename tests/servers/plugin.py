"""Fixtures for real servers.

The whole run shares `postgres_server`, `redis_server` and `kafka_server`. If a test has to stop,
kill or freeze a server, it can start its own one with `new_postgres`, `new_redis` or `new_kafka`,
for example `with new_postgres() as server`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import pytest

from tests.servers.lookup import Source, allowed_sources, skip_or_fail, start_server
from tests.servers.server import Kind, Server, Unavailable
from tests.servers.shared import Follower, Leader, Servers

NewServer: TypeAlias = Callable[[], AbstractContextManager[Server]]

_SERVERS = pytest.StashKey[Servers]()


@dataclass(frozen=True)
class Shared:
    """A server shared by all tests in a run. Tests must not stop it."""

    url: str

    @property
    def bootstrap(self) -> str:
        """The same address under the name that Kafka uses for it."""
        return self.url


class Node(Protocol):
    """A pytest-xdist worker. pytest-xdist doesn't publish types."""

    config: pytest.Config
    workerinput: dict[str, object]


def pytest_configure(config: pytest.Config) -> None:
    allowed_sources(os.environ)  # an invalid setting must end the run before the first test
    leader = getattr(config, "workerinput", {}).get("servers")
    config.stash[_SERVERS] = Follower(*leader) if leader else Leader()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Node) -> None:
    """Send the leader's address to a pytest-xdist worker."""
    if isinstance(leader := node.config.stash[_SERVERS], Leader):
        node.workerinput["servers"] = leader.listen()


def pytest_unconfigure(config: pytest.Config) -> None:
    if isinstance(leader := config.stash.get(_SERVERS, None), Leader):
        leader.close()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """List each missing server once, even if many tests were skipped because of it."""
    if isinstance(leader := config.stash[_SERVERS], Leader):
        for kind, reason in leader.missing.items():
            terminalreporter.write_line(f"not tested: no {kind}: {reason}", yellow=True)


def _shared(request: pytest.FixtureRequest, kind: Kind) -> Shared:
    try:
        return Shared(request.config.stash[_SERVERS].shared(kind).get())
    except Unavailable as missing:
        skip_or_fail(kind, str(missing), os.environ)


@contextmanager
def _private(servers: Servers, kind: Kind) -> Iterator[Server]:
    try:
        server = start_server(kind, Source(servers.source(kind).get()))
    except Unavailable as missing:
        skip_or_fail(kind, str(missing), os.environ)
    try:
        yield server
    finally:
        server.close()


def _new(request: pytest.FixtureRequest, kind: Kind) -> NewServer:
    return lambda: _private(request.config.stash[_SERVERS], kind)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Shared:
    return _shared(request, Kind.POSTGRES)


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest) -> Shared:
    return _shared(request, Kind.REDIS)


@pytest.fixture(scope="session")
def kafka_server(request: pytest.FixtureRequest) -> Shared:
    return _shared(request, Kind.KAFKA)


@pytest.fixture(scope="session")
def new_postgres(request: pytest.FixtureRequest) -> NewServer:
    return _new(request, Kind.POSTGRES)


@pytest.fixture(scope="session")
def new_redis(request: pytest.FixtureRequest) -> NewServer:
    return _new(request, Kind.REDIS)


@pytest.fixture(scope="session")
def new_kafka(request: pytest.FixtureRequest) -> NewServer:
    return _new(request, Kind.KAFKA)
