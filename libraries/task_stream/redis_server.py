"""The Redis that holds the task queue: one server, or a Redis Cluster."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from application.errors import QueueUnavailable
from libraries.asyncio_tools.cancellation import resolve_host, shield_for

Client: TypeAlias = "Redis | RedisCluster"

#: Seconds that any answer may take.
ANSWER_SECONDS: Final = 2.0
#: A peer that is gone is noticed after so long, by the kernel, without a command.
_KEEPALIVE: Final = {
    "TCP_KEEPIDLE": 1,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": 2,
    "TCP_USER_TIMEOUT": 2_000,
}


class QueueServer:
    """Connections to Redis; the first question is whether it is a cluster.

    One for commands that block bounds no answer: its callers do.

    Raises:
        ValueError: redis does not understand the URL.
    """

    def __init__(self, url: str, *, blocks: bool = False) -> None:
        self._url = url
        self._options = _options(None if blocks else ANSWER_SECONDS)
        self._single = Redis.from_pool(_pool(url, self._options))
        self._client: Client | None = None
        self._choosing = asyncio.Lock()

    async def client(self) -> Client:
        """Return the client of the server or cluster, which every caller shares."""
        async with self._choosing:
            if self._client is None:
                self._client = await self._chosen()
        return self._client

    async def _chosen(self) -> Client:
        try:
            info: Any = await self._single.info("cluster")
        except ResponseError:
            return self._single  # INFO is forbidden or unknown there
        if not info.get("cluster_enabled"):
            return self._single
        return RedisCluster.from_url(self._url, **self._options)

    async def close(self) -> None:
        """Close all connections."""
        await self._single.aclose()
        if self._client is not None:
            await self._client.aclose()


@contextmanager
def errors_as_ours() -> Iterator[None]:
    """Raise whatever redis-py or the event loop raises as the one error that the port knows.

    There is no list of their classes: uvloop, for one, raises RuntimeError for a closed transport.

    Raises:
        QueueUnavailable: with the reason.
    """
    try:
        yield
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise QueueUnavailable(f"The task queue is out of reach: {reason}") from error


def _pool(url: str, options: dict[str, Any]) -> ConnectionPool:
    pool = ConnectionPool.from_url(url)
    pool.connection_kwargs.update(options)
    pool.connection_class = _unhurried(pool.connection_class)
    return pool


def _unhurried(kind: type[Any]) -> type[Any]:
    """Return a class of connections that stay open nowhere if their making is canceled."""

    class Unhurried(kind):  # type: ignore[misc]  # plain, TLS or a Unix socket, as the URL says
        async def connect_check_health(self, *args: Any, **options: Any) -> None:
            try:
                await shield_for(ANSWER_SECONDS, super().connect_check_health(*args, **options))
            except asyncio.CancelledError:
                await self.disconnect(nowait=True)
                raise

        async def _connect(self) -> None:
            async with asyncio.timeout(self.socket_connect_timeout):
                await resolve_host(self.host, int(self.port))
                await super()._connect()

    return Unhurried


def _options(answers_within: float | None) -> dict[str, Any]:
    return {
        "socket_timeout": answers_within,
        "socket_connect_timeout": ANSWER_SECONDS,
        "socket_keepalive": True,
        "socket_keepalive_options": {
            getattr(socket, name): value
            for name, value in _KEEPALIVE.items()
            if hasattr(socket, name)
        },
        # The caller knows better whether, and when, to try again.
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": False,
        "protocol": 2,
        "driver_info": None,
    }
