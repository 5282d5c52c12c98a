"""Services with chosen backing services, and the roles that need all of them."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from subprocess import PIPE, Popen
from typing import Final
from uuid import uuid4

import pytest

from tests.e2e.service import (
    NO_LIMITS,
    STOP_TIMEOUT_SECONDS,
    environment,
    long_deadlines_command,
)
from tests.support.postgres import beside, migrate_database

#: The setting of each backing service, and the fixture of its server.
BACKING_SERVICES: Final = {
    "DATABASE_URL": "database",
    "REDIS_URL": "redis_server",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka_server",
}
ROLES: Final = ("relay", "consume", "work")
SECRET: Final = {"JWT_SECRET_KEY": "a key of thirty-two bytes or more"}


def settings_with(
    request: pytest.FixtureRequest, names: Collection[str] = tuple(BACKING_SERVICES)
) -> dict[str, str]:
    """Return settings with these backing services, without limits, under a random prefix."""
    urls = {name: request.getfixturevalue(BACKING_SERVICES[name]).url for name in names}
    prefix = f"t{uuid4().hex[:8]}."
    return {**urls, **NO_LIMITS, **SECRET, "KAFKA_TOPIC_PREFIX": prefix, "REDIS_PREFIX": prefix}


def migrate(settings: Mapping[str, str]) -> None:
    """Migrate the database of these settings."""
    beside(migrate_database, settings["DATABASE_URL"])


@contextmanager
def a_role(name: str, settings: dict[str, str]) -> Iterator[None]:
    """Run a role in a process until the end of the block."""
    with Popen(
        [*long_deadlines_command(), name], stdout=PIPE, text=True, env=environment(settings)
    ) as role:
        try:
            assert role.stdout is not None
            assert json.loads(role.stdout.readline())["event"] == f"orders {name} is ready."
            yield
        finally:
            role.terminate()
            assert role.wait(STOP_TIMEOUT_SECONDS) == 0
