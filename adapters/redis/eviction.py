"""Warn about eviction policies that can lose tasks."""

from typing import Final

from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable

_POLICY: Final = "maxmemory_policy:"


async def eviction_warning(client: RedisClient) -> str | None:
    """Return a warning for the operator if Redis might evict tasks.

    If Redis doesn't respond, return None, because this check must never prevent a startup.
    """
    try:
        memory = (await client.execute("INFO", "memory")).decode()
    except RedisUnavailable:
        return None
    policy = next((line for line in memory.splitlines() if line.startswith(_POLICY)), "")
    name = policy.removeprefix(_POLICY).strip()
    if not name.startswith("allkeys-"):
        return None
    return (
        f"REDIS_URL: the server's maxmemory-policy is {name}, which can evict waiting tasks;"
        " use volatile-ttl"
    )
