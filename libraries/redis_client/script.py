"""Run Lua scripts in Redis."""

import asyncio
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
        self._digest = sha1(source.encode(), usedforsecurity=False).hexdigest()

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

    def send(self, keys: Sequence[Arg], *args: Arg) -> None:
        """Send the script and ignore its result. Does nothing if Redis is unavailable."""

        def send_source(reply: asyncio.Future[Any]) -> None:
            if isinstance(reply.exception(), NoScriptError):
                self._client.send("EVAL", self._source, len(keys), *keys, *args)

        reply = self._client.try_submit("EVALSHA", self._digest, len(keys), *keys, *args)
        if reply is not None:
            reply.add_done_callback(send_source)
