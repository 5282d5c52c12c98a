"""Whether Redis may throw away what it was told to keep."""

from typing import Final

from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable

_POLICY: Final = "maxmemory_policy:"


async def eviction_warning(link: RedisClient) -> str | None:
    """What to tell the operator of a policy that can evict tasks; None where all is well.

    None too where Redis does not say: this never stands in the way of a start.
    """
    try:
        memory = (await link.call("INFO", "memory")).decode()
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
