"""The relay's bell, heard by the relays of other processes."""

import asyncio
import logging
from contextlib import suppress
from typing import Final
from uuid import uuid4

from libraries.redis_client.client import RedisClient
from libraries.redis_client.connection import Connection

logger = logging.getLogger(__name__)

#: Seconds of silence after which the connection is probed, and given up if it stays silent. A ring
#: that is lost meanwhile costs a poll of the relay; the kernel notices most losses earlier.
_QUIET: Final = 10.0
_ANSWER_SECONDS: Final = 2.0
#: Seconds until a subscription stands, and between two attempts.
_SUBSCRIBE: Final = 2.0
_AGAIN: Final = 0.5


class RedisRelayWakeup:
    """Wakes a relay anywhere, by a channel that it listens to on a connection of its own.

    A relay of the same process hears the bell without Redis; what comes back to it from there
    is its own ring, and not heard twice.
    """

    def __init__(self, link: RedisClient) -> None:
        self._link = link
        self._channel = link.key("outbox:bell")
        self._name = uuid4().hex
        self._rung = asyncio.Event()
        self._is_ringing = False
        self._listener: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._was_deaf = False

    async def open(self, at_most: float = _SUBSCRIBE) -> bool:
        """Begin to listen; whether the subscription stood in time."""
        self._listen()
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._listening.wait()
        return self._listening.is_set()

    async def close(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)

    def notify(self) -> None:
        """Say that there is something to publish: once for all who ring in the same turn."""
        self._rung.set()
        if not self._is_ringing:
            self._is_ringing = True
            asyncio.get_running_loop().call_soon(self._tell_others)

    def _tell_others(self) -> None:
        self._is_ringing = False
        self._link.tell("PUBLISH", self._channel, self._name)

    async def wait(self, at_most: float) -> bool:
        """Return True when the bell has rung since the last wait, False after `at_most` seconds."""
        if self._listener is None:
            self._was_deaf = True
            self._listen()
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._rung.wait()
        has_rung = self._rung.is_set()
        self._rung.clear()
        return has_rung

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = asyncio.create_task(self._keep_listening())

    async def _keep_listening(self) -> None:
        while True:
            try:
                await self._listen_once()
            except Exception as error:  # noqa: BLE001 - whatever it was, it heals by itself
                logger.debug("the bell is out of reach: %s", error)
            await asyncio.sleep(_AGAIN)

    async def _listen_once(self) -> None:
        """Listen on a new connection until it is lost."""
        connection = self._link.new_connection()
        try:
            await self._subscribe(connection)
            await self._notice(connection)
        finally:
            self._listening.clear()
            self._was_deaf = True
            await connection.close()

    async def _subscribe(self, connection: Connection) -> None:
        async with asyncio.timeout(_SUBSCRIBE):
            await connection.open()
            await connection.send("SUBSCRIBE", self._channel)
            await connection.receive()
        self._listening.set()
        if self._was_deaf:
            self._rung.set()  # perhaps it rang meanwhile

    async def _notice(self, connection: Connection) -> None:
        """Notice every ring of another process, until the subscription does not answer."""
        asked = False
        while True:
            message = await connection.receive(_ANSWER_SECONDS if asked else _QUIET)
            if message is None and asked:
                return
            asked = message is None
            if asked:
                await connection.send("PING")
            elif message[0] == b"message" and message[2] != self._name.encode():
                self._rung.set()
