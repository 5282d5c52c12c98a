"""Connections to the task queue's Redis, which is a single server or a Redis Cluster."""

import asyncio
from typing import Any, Final, TypeAlias

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from libraries.asyncio_tools.cancellation import resolve_host, shield_for
from libraries.redis_client.connection import keepalive_options

Client: TypeAlias = "Redis | RedisCluster"

#: The timeout for a command.
ANSWER_SECONDS: Final = 2.0


class QueueConnections:
    """A process's connections. The first command finds out whether Redis is a cluster.

    Set `blocks` for blocking commands. Their replies don't have a timeout, so callers have to set
    one.

    Raises:
        ValueError: redis-py does not understand the URL.
    """

    def __init__(self, url: str, *, blocks: bool = False) -> None:
        self._url = url
        self._options = _options(None if blocks else ANSWER_SECONDS)
        self._single = Redis.from_pool(_pool(url, self._options))
        self._client: Client | None = None
        self._choosing = asyncio.Lock()

    async def client(self) -> Client:
        """Return the client for the server or cluster. It is shared by all callers."""
        async with self._choosing:
            if self._client is None:
                self._client = await self._choose()
        return self._client

    async def _choose(self) -> Client:
        try:
            info: Any = await self._single.info("cluster")
        except ResponseError:
            return self._single  # INFO is not permitted or not supported
        if not info.get("cluster_enabled"):
            return self._single
        return RedisCluster.from_url(self._url, **self._options)

    async def close(self) -> None:
        """Close all connections."""
        await self._single.aclose()
        if self._client is not None:
            await self._client.aclose()


def _pool(url: str, options: dict[str, Any]) -> ConnectionPool:
    pool = ConnectionPool.from_url(url)
    pool.connection_kwargs.update(options)
    pool.connection_class = _cancellation_safe(pool.connection_class)
    return pool


def _cancellation_safe(base: type[Any]) -> type[Any]:
    """Return a subclass of a connection that doesn't leak a socket if connecting is canceled."""

    class CancellationSafe(base):  # type: ignore[misc]  # plain or TLS, depending on the URL
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

    return CancellationSafe


def _options(answer_timeout_seconds: float | None) -> dict[str, Any]:
    return {
        "socket_timeout": answer_timeout_seconds,
        "socket_connect_timeout": ANSWER_SECONDS,
        "socket_keepalive": True,
        "socket_keepalive_options": keepalive_options(),
        # Callers do the retries.
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": False,
        "protocol": 2,
        "driver_info": None,
    }
