"""Run Lua scripts in Redis."""

from collections.abc import Awaitable, Sequence
from hashlib import sha1
from typing import Any

from redis.exceptions import NoScriptError

from libraries.redis_client.client import RedisClient
from libraries.redis_client.multiplexed_connection import Arg


class Script:
    """A Lua script. It is called by its digest, or sent in full if Redis hasn't loaded it yet."""

    def __init__(self, client: RedisClient, source: str) -> None:
        self._client = client
        self._source = source
        self._digest = digest_of(source)

    async def __call__(self, keys: Sequence[Arg], *args: Arg) -> Any:
        """Run the script and return its result.

        Raises:
            RedisUnavailable: there was no reply in time, or it was an error.
        """
        return await self.submit(keys, *args)

    def submit(self, keys: Sequence[Arg], *args: Arg) -> Awaitable[Any]:
        """Send the script immediately. Return an awaitable (to be awaited) for its result."""
        reply = self._client.submit("EVALSHA", self._digest, len(keys), *keys, *args)
        return self._result(reply, keys, args)

    async def _result(self, reply: Awaitable[Any], keys: Sequence[Arg], args: Sequence[Arg]) -> Any:
        try:
            return await reply
        except NoScriptError:
            return await self._client.execute("EVAL", self._source, len(keys), *keys, *args)


def digest_of(source: str) -> str:
    """Return the name by which Redis calls a loaded script."""
    return sha1(source.encode(), usedforsecurity=False).hexdigest()
