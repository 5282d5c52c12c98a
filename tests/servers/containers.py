"""Run servers in containers if the local Docker engine has their images or can pull them.

A server uses the same loopback port inside and outside its container. This way, a container has the
same address after a restart, and Kafka can advertise one address to itself and to the tests.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final
from uuid import uuid4

from docker import DockerClient as Engine  # type: ignore[import-untyped]
from docker.errors import DockerException  # type: ignore[import-untyped]
from docker.models.containers import Container  # type: ignore[import-untyped]
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient, get_docker_host
from urllib3.exceptions import HTTPError

from tests.servers import kafka, postgres
from tests.servers.ports import HOST, Ports, kafka_is_ready, postgres_is_ready, redis_is_ready
from tests.servers.server import Kind, Unavailable
from tests.servers.watchdog import Watchdog

IMAGES: Final[Mapping[Kind, str]] = {
    Kind.POSTGRES: "postgres:18",
    Kind.REDIS: "redis:8",
    Kind.KAFKA: "apache/kafka:4.1.1",
}
ENGINE_TIMEOUT_SECONDS = 30
REGISTRY_TIMEOUT_SECONDS = 30  # once reached, a registry sends progress immediately
PULL_TIMEOUT_SECONDS = 900.0
START_TIMEOUT_SECONDS = 300.0
STOP_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Recipe:
    """The command, environment, readiness check and client URL for one kind of container."""

    is_ready: Callable[[int], bool]
    url: Callable[[int], str]
    command: Callable[[int], list[str] | None]
    environment: Callable[[int], dict[str, str]] = field(default=lambda _: {})


def _postgres_command(port: int) -> list[str]:
    inside = postgres.SETTINGS | {"listen_addresses": "*", "port": str(port)}
    inside["unix_socket_directories"] = (
        "/var/run/postgresql"  # the image's setup connects through it
    )
    return ["postgres", *(word for k, v in inside.items() for word in ("-c", f"{k}={v}"))]


def _kafka_environment(port: int) -> dict[str, str]:
    settings = kafka.SETTINGS | {
        "listeners": f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://127.0.0.1:9093",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.quorum.voters": "1@127.0.0.1:9093",
        "log.dirs": "/var/lib/kafka/data",
    }
    named = {f"KAFKA_{name.replace('.', '_').upper()}": value for name, value in settings.items()}
    return named | {"KAFKA_HEAP_OPTS": "-Xms64m -Xmx384m", "CLUSTER_ID": kafka.CLUSTER}


_DURABLE = ["--appendonly", "yes", "--save", "", "--protected-mode", "no"]

RECIPES: Final[Mapping[Kind, Recipe]] = {
    Kind.POSTGRES: Recipe(
        is_ready=postgres_is_ready,
        url=lambda port: f"postgresql://postgres:{postgres.PASSWORD}@{HOST}:{port}/postgres",
        command=_postgres_command,
        environment=lambda _: {
            "POSTGRES_PASSWORD": postgres.PASSWORD,
            "POSTGRES_INITDB_ARGS": " ".join(postgres.LOCALE),
        },
    ),
    Kind.REDIS: Recipe(
        is_ready=redis_is_ready,
        url=lambda port: f"redis://{HOST}:{port}/0",
        command=lambda port: ["redis-server", "--port", str(port), *_DURABLE],
    ),
    Kind.KAFKA: Recipe(
        is_ready=kafka_is_ready,
        url=lambda port: f"{HOST}:{port}",
        command=lambda _: None,
        environment=_kafka_environment,
    ),
}


def check(kind: Kind) -> None:
    """Check within a time limit that the engine responds and has the image.

    Raises:
        Unavailable: if the engine doesn't respond, or doesn't have the image and can't pull it.
    """
    with _engine() as engine:
        if not engine.images.list(name=_image(kind)):
            _pull_once(_image(kind))


def launch(kind: Kind) -> "ContainerServer":
    """Return a server in a container that hasn't been started yet."""
    return ContainerServer(kind)


def _image(kind: Kind) -> str:
    return testcontainers_config.hub_image_name_prefix + IMAGES[kind]


@contextmanager
def _engine(timeout: int = ENGINE_TIMEOUT_SECONDS) -> Iterator[Engine]:
    """Yield a client for the engine, once the engine has responded."""
    _ensure_engine_listens()
    try:
        engine = DockerClient(timeout=timeout).client
    except DockerException as error:
        raise Unavailable("no Docker engine is_ready") from error
    try:
        _ensure_engine_is_not_outside(engine)
        yield engine
    except (DockerException, HTTPError, OSError) as error:
        raise Unavailable(f"the Docker engine failed: {error}") from error
    finally:
        engine.close()


def _ensure_engine_listens() -> None:
    """Check the socket first, because Docker's client leaks it if it can't connect.

    An engine on another machine would open ports on its own loopback address, where tests can't
    reach them.
    """
    scheme, _, path = (get_docker_host() or "unix:///var/run/docker.sock").partition("://")
    if scheme != "unix":
        raise Unavailable("the Docker engine is another machine's")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError as error:
            raise Unavailable("no Docker engine is_ready") from error


def _ensure_engine_is_not_outside(engine: Engine) -> None:
    """Reject an engine outside of this container, because it has a different loopback address."""
    if Path("/.dockerenv").exists() and engine.info()["Name"] != socket.gethostname():
        raise Unavailable("the Docker engine is another machine's")


@cache
def _unreachable() -> list[str]:
    """Why images can't be pulled. Recorded once per run, at the first failure."""
    return []


def _pull_once(image: str) -> None:
    if not _unreachable():
        try:
            _pull(image)
        except Unavailable as error:
            _unreachable().append(str(error))
    if _unreachable():
        raise Unavailable(f"{image} is missing and cannot be pulled: {_unreachable()[0]}")


def _pull(image: str) -> None:
    deadline = time.monotonic() + PULL_TIMEOUT_SECONDS
    repository, _, tag = image.rpartition(":")
    with _engine(timeout=REGISTRY_TIMEOUT_SECONDS) as engine:
        for progress in engine.api.pull(repository, tag=tag, stream=True, decode=True):
            if "error" in progress:
                raise Unavailable(progress["error"])
            if time.monotonic() > deadline:
                raise Unavailable(f"the pull takes over {PULL_TIMEOUT_SECONDS:.0f} s")


class ContainerServer:
    """A `Server` in a container. The container is kept while the server is stopped."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._recipe = RECIPES[kind]
        self._ports = Ports(1)
        self._port = self._ports.numbers[0]
        self._watchdog = Watchdog()
        self._container: DockerContainer | None = None

    @property
    def url(self) -> str:
        return self._recipe.url(self._port)

    def start(self, *, empty: bool = False) -> None:
        if empty:
            self._remove()
        try:
            self._run()
        except DockerException as error:
            raise Unavailable(f"its container did not start: {error}") from error
        self._wait_until_ready()

    def _run(self) -> None:
        if self._container:
            self._running().start()
        else:
            self._container = self._build_container()
            self._container.start()

    def _build_container(self) -> DockerContainer:
        # Our watchdog removes containers just as reliably and doesn't need an image. You can still
        # enable Ryuk with TESTCONTAINERS_RYUK_DISABLED.
        if "TESTCONTAINERS_RYUK_DISABLED" not in os.environ:
            testcontainers_config.ryuk_disabled = True
        name = f"orders-{self._kind.lower()}-{uuid4().hex}"
        self._watchdog.guard(container=name)
        container = DockerContainer(IMAGES[self._kind]).with_name(name)
        container.with_envs(**self._recipe.environment(self._port))
        # Docker accepts an address with the port, but testcontainers' types don't.
        container.ports[f"{self._port}/tcp"] = (HOST, self._port)  # type: ignore[assignment]
        if command := self._recipe.command(self._port):
            container.with_command(command)
        return container

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._recipe.is_ready(self._port):
            if self._status() == "exited" or time.monotonic() > deadline:
                log_tail = self._running().logs(tail=5).decode(errors="replace").splitlines()
                raise Unavailable(f"its container did not start: {' | '.join(log_tail)}")
            time.sleep(0.05)

    def stop(self) -> None:
        self.resume()
        self._running().stop(timeout=STOP_TIMEOUT_SECONDS)

    def kill(self) -> None:
        if self._status() in {"running", "paused"}:
            self._running().kill()
            self._running().wait()

    def pause(self) -> None:
        self._running().pause()

    def resume(self) -> None:
        if self._status() == "paused":
            self._running().unpause()

    def _running(self) -> Container:
        if not self._container:
            raise RuntimeError("the container was never started")
        return self._container.get_wrapped_container()

    def _status(self) -> str:
        self._running().reload()
        return str(self._running().status)

    def _remove(self) -> None:
        if self._container:
            self._container.stop()
            self._container = None

    def close(self) -> None:
        self._remove()
        self._watchdog.close()
        self._ports.release()
