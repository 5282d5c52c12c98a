"""Lua scripts that run in Redis."""

import asyncio
from collections.abc import Awaitable, Sequence
from hashlib import sha1
from typing import Any, Protocol

from redis.exceptions import NoScriptError

from libraries.redis_client.multiplexed_connection import Word


class Sender(Protocol):
    """Sends commands: the link."""

    async def call(self, *words: Word) -> Any:
        """Return the answer to a command."""

    def begin(self, *words: Word) -> Awaitable[Any]:
        """As `call`; the command is on its way when this returns."""

    def ask(self, *words: Word) -> "asyncio.Future[Any] | None":
        """Send a command, and wait for nothing; None while Redis is away."""

    def tell(self, *words: Word) -> None:
        """Send a command without waiting for its answer."""


class Script:
    """A Lua script, sent by its digest; a server that has forgotten it is told it again."""

    def __init__(self, link: Sender, source: str) -> None:
        self._link = link
        self._source = source
        self._digest = sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[Word], *arguments: Word) -> Any:
        """Return the result of the script.

        Raises:
            RedisUnavailable: nothing, in time.
        """
        return await self.begin(keys, *arguments)

    def begin(self, keys: Sequence[Word], *arguments: Word) -> Awaitable[Any]:
        """The same, on its way when this returns; to be awaited."""
        asked = self._link.begin("EVALSHA", self._digest, len(keys), *keys, *arguments)
        return self._result(asked, keys, arguments)

    async def _result(
        self, asked: Awaitable[Any], keys: Sequence[Word], arguments: Sequence[Word]
    ) -> Any:
        try:
            return await asked
        except NoScriptError:
            return await self._link.call("EVAL", self._source, len(keys), *keys, *arguments)

    def tell(self, keys: Sequence[Word], *arguments: Word) -> None:
        """Run it, and wait for nothing; while Redis is away, nothing happens."""

        def heard(answer: asyncio.Future[Any]) -> None:
            if isinstance(answer.exception(), NoScriptError):
                self._link.tell("EVAL", self._source, len(keys), *keys, *arguments)

        answer = self._link.ask("EVALSHA", self._digest, len(keys), *keys, *arguments)
        if answer is not None:
            answer.add_done_callback(heard)
