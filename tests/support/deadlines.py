"""The service's own bounds on waiting, widened: what is right is judged, not how fast.

The service gives a server up after a second or two, as it promises. A busy machine takes as much
from any process now and then, and what is given up for that is no defect. A test that is about a
bound sets that one itself.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

#: Seconds after which something that should happen counts as never happening.
LONG: Final = 25.0

_BOUNDS: Final = (
    "adapters.kafka.connection._GREETING",
    "adapters.kafka.connection._UNHURRIED",
    "adapters.kafka.consumer._GOODBYE",
    "adapters.kafka.producer._REQUEST",
    "adapters.kafka.readiness._ANSWER_SECONDS",
    "adapters.kafka.silent_connections.SILENCE_SECONDS",
    "adapters.kafka.source._LAG",
    "adapters.kafka.topics._TIMEOUT",
    "adapters.memory.bus._PATIENCE",
    "adapters.postgres.connector._CONNECT_TIMEOUT_SECONDS",
    "adapters.postgres.connection._CLOSE_TIMEOUT_SECONDS",
    "adapters.postgres.pool._PING_TIMEOUT_SECONDS",
    "adapters.redis.relay_wakeup._ANSWER_SECONDS",
    "adapters.redis.cache._LEASE_SECONDS",
    "adapters.redis.cache._OFFER_SECONDS",
    "libraries.redis_client.client._HANDSHAKE_TIMEOUT_SECONDS",
    "libraries.redis_client.client._CONNECT_TIMEOUT_SECONDS",
    "libraries.task_stream.in_process._ADD_TIMEOUT_SECONDS",
    "libraries.task_stream.broker._ADD_TIMEOUT_SECONDS",
    "libraries.task_stream.connections.ANSWER_SECONDS",
    "entrypoints.http.middleware.STORAGE_DEADLINE_SECONDS",
)


@contextmanager
def generous_deadlines() -> Iterator[None]:
    """Within the block, the service waits for a healthy server however slow it is."""
    with pytest.MonkeyPatch.context() as patch:
        for bound in _BOUNDS:
            patch.setattr(bound, LONG)
        patch.setattr("adapters.postgres.database._timeout", lambda _: asyncio.timeout(LONG))
        yield


@pytest.fixture
def with_generous_deadlines() -> Iterator[None]:
    """The same, for a whole test."""
    with generous_deadlines():
        yield
