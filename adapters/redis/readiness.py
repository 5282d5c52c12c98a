"""Whether Redis can cache, count and ring."""

from typing import Final

from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable

#: A write within a script: a full server, one that refuses writes, and a user without a right to
#: either refuse it, though they answer to PING.
_WRITE: Final = "return redis.call('SET', KEYS[1], '1', 'PX', 1000)"
#: Refusals that are about the key of some command, and which this check does not meet itself.
_OF_ONE_KEY: Final = ("WRONGTYPE", "NOPERM")
#: Seconds for which a refused command counts as a sign of what is wrong.
_REFUSED_FOR_SECONDS: Final = 10.0


async def ensure_ready(link: RedisClient) -> None:
    """Check that Redis takes writes and scripts, and has refused no other key of late.

    Raises:
        RedisUnavailable: with the reason.
    """
    await link.call("EVAL", _WRITE, 1, link.key("ready"))
    refusal = link.refused_within(_REFUSED_FOR_SECONDS)
    if refusal is not None and refusal.startswith(_OF_ONE_KEY):
        raise RedisUnavailable(refusal)
