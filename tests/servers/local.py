"""Run servers from packages on this machine."""

from collections.abc import Callable, Mapping
from typing import Final

from tests.servers.kafka import Kafka
from tests.servers.postgres import Postgres
from tests.servers.process import LocalServer, Program
from tests.servers.redis import Valkey
from tests.servers.server import Kind

PROGRAMS: Final[Mapping[Kind, Callable[[], Program]]] = {
    Kind.POSTGRES: Postgres,
    Kind.REDIS: Valkey,
    Kind.KAFKA: Kafka,
}


def check(kind: Kind) -> None:
    """Check that the program is installed. Kafka is downloaded the first time.

    Raises:
        Unavailable: if it is not installed.
    """
    PROGRAMS[kind]()


def launch(kind: Kind) -> LocalServer:
    """Return a local server that hasn't been started yet."""
    return LocalServer(PROGRAMS[kind]())
