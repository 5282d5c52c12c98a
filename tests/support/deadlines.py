"""Raise the service's time limits for tests that don't measure time.

The service stops waiting for a server after a second or two, as promised. On a busy test machine
any process can be delayed that long, and this isn't a bug. Tests about a time limit set that limit
themselves.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

#: Seconds to wait for something that must happen.
LONG: Final = 25.0

_BOUNDS: Final = (
    "adapters.kafka.connection._HANDSHAKE_SECONDS",
    "adapters.kafka.connection._CANCEL_SECONDS",
    "adapters.kafka.consumer._LEAVE_SECONDS",
    "adapters.kafka.producer._REQUEST_SECONDS",
    "adapters.kafka.readiness._ANSWER_SECONDS",
    "adapters.kafka.silent_connections.SILENCE_SECONDS",
    "adapters.kafka.source._LAG_SECONDS",
    "adapters.kafka.stored_records._PROGRESS_SECONDS",
    "adapters.kafka.topic_writer._TOPIC_SECONDS",
    "adapters.kafka.topics._TIMEOUT_SECONDS",
    "adapters.memory.bus._PUBLISH_SECONDS",
    "adapters.postgres.connector._CONNECT_TIMEOUT_SECONDS",
    "adapters.postgres.connection._CLOSE_TIMEOUT_SECONDS",
    "adapters.postgres.pool._PING_TIMEOUT_SECONDS",
    "adapters.security.passwords.MAX_WAIT_SECONDS",
    "adapters.redis.relay_wakeup._ANSWER_SECONDS",
    "adapters.redis.cache._LEASE_SECONDS",
    "adapters.redis.cache._OFFER_SECONDS",
    "libraries.redis_client.reconnector._HANDSHAKE_TIMEOUT_SECONDS",
    "libraries.redis_client.reconnector.CONNECT_TIMEOUT_SECONDS",
    "libraries.task_stream.in_process._ADD_TIMEOUT_SECONDS",
    "libraries.task_stream.broker._ADD_TIMEOUT_SECONDS",
    "libraries.task_stream.connections.ANSWER_SECONDS",
    "entrypoints.http.middleware.STORAGE_DEADLINE_SECONDS",
)


@contextmanager
def generous_deadlines() -> Iterator[None]:
    """Set long time limits until the end of the block."""
    with pytest.MonkeyPatch.context() as patch:
        for bound in _BOUNDS:
            patch.setattr(bound, LONG)
        patch.setattr("adapters.postgres.database._timeout", lambda _: asyncio.timeout(LONG))
        yield


@pytest.fixture
def with_generous_deadlines() -> Iterator[None]:
    """Set long time limits for the whole test."""
    with generous_deadlines():
        yield
