"""Check if Redis is ready to be used as a cache, a rate limiter and a wakeup channel."""

from typing import Final

from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable

#: A script that writes something. A PING isn't enough, because it also works if the server is full
#: or read-only, or if the user isn't allowed to write or to run scripts.
_WRITE: Final = "return redis.call('SET', KEYS[1], '1', 'PX', 1000)"
#: Errors that only concern a command's key. This check uses a different key and can't detect them.
_OF_ONE_KEY: Final = ("WRONGTYPE", "NOPERM")
#: For how long the last error counts as the current state.
_RECENT_SECONDS: Final = 10.0


async def ensure_ready(client: RedisClient) -> None:
    """Check that Redis accepts writes and scripts, and hasn't recently rejected any other key.

    Raises:
        RedisUnavailable: Redis isn't ready. The message contains the reason.
    """
    await client.execute("EVAL", _WRITE, 1, client.key("ready"))
    last_error = client.last_error_within(_RECENT_SECONDS)
    if last_error is not None and last_error.startswith(_OF_ONE_KEY):
        raise RedisUnavailable(last_error)
