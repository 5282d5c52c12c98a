"""The readiness check of Redis as a cache, a rate limiter and a wakeup channel."""

from typing import Final

from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable

#: A write within a script: a full server, one that refuses writes, and a user without a right to
#: either refuse it, though they answer to PING.
_WRITE: Final = "return redis.call('SET', KEYS[1], '1', 'PX', 1000)"
#: Error replies about the key of a command; this check uses another key, and cannot see them.
_OF_ONE_KEY: Final = ("WRONGTYPE", "NOPERM")
#: Age up to which the last error reply counts as the present state.
_RECENT_SECONDS: Final = 10.0


async def ensure_ready(client: RedisClient) -> None:
    """Check that Redis accepts writes and scripts, and has refused no other key recently.

    Raises:
        RedisUnavailable: with the reason.
    """
    await client.execute("EVAL", _WRITE, 1, client.key("ready"))
    last_error = client.last_error_within(_RECENT_SECONDS)
    if last_error is not None and last_error.startswith(_OF_ONE_KEY):
        raise RedisUnavailable(last_error)
