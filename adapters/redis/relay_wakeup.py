"""Wake the relays in all processes over a Redis channel."""

import asyncio
import logging
from contextlib import suppress
from typing import Final
from uuid import uuid4

from libraries.redis_client.client import RedisClient
from libraries.redis_client.connection import DedicatedConnection

logger = logging.getLogger(__name__)

#: How many seconds of silence to allow before probing the connection, and how long to wait for the
#: response. If a notification is lost during this time, the relay still finds its events when it
#: polls. In most cases the kernel detects a lost connection earlier.
_QUIET_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 2.0
_SUBSCRIBE_TIMEOUT_SECONDS: Final = 2.0
#: How long to wait before subscribing again.
_BACKOFF_SECONDS: Final = 0.5


class RedisRelayWakeup:
    """Wakes the relays in all processes using publish and subscribe.

    The relay in this process is woken without Redis. If the process receives its own notification
    over the channel, it's ignored.
    """

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        # The channel can't be renamed because two releases are running during a rolling upgrade.
        self._channel = client.key("outbox:bell")
        self._sender_id = uuid4().hex
        self._notified = asyncio.Event()
        self._is_publishing = False
        self._subscriber: asyncio.Task[None] | None = None
        self._subscribed = asyncio.Event()
        #: Whether a notification may have been missed since the last subscription.
        self._may_have_missed = False

    async def open(self, timeout_seconds: float = _SUBSCRIBE_TIMEOUT_SECONDS) -> bool:
        """Start listening, and return whether the subscription was confirmed in time."""
        self._listen()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._subscribed.wait()
        return self._subscribed.is_set()

    async def close(self) -> None:
        """Stop listening."""
        if self._subscriber is not None:
            self._subscriber.cancel()
            await asyncio.gather(self._subscriber, return_exceptions=True)

    def notify(self) -> None:
        """Wake the relays. Calls in the same iteration of the event loop share a notification."""
        self._notified.set()
        if not self._is_publishing:
            self._is_publishing = True
            asyncio.get_running_loop().call_soon(self._publish)

    def _publish(self) -> None:
        self._is_publishing = False
        self._client.send("PUBLISH", self._channel, self._sender_id)

    async def wait(self, at_most: float) -> bool:
        """Return True if notified since the last wait, or False after `at_most` seconds."""
        if self._subscriber is None:
            self._may_have_missed = True
            self._listen()
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._notified.wait()
        is_notified = self._notified.is_set()
        self._notified.clear()
        return is_notified

    def _listen(self) -> None:
        if self._subscriber is None:
            self._subscriber = asyncio.create_task(self._listen_forever())

    async def _listen_forever(self) -> None:
        while True:
            try:
                await self._listen_once()
            except Exception as error:  # noqa: BLE001 - try again after any error
                logger.debug("cannot listen for wakeups: %s", error)
            await asyncio.sleep(_BACKOFF_SECONDS)

    async def _listen_once(self) -> None:
        """Listen on a new connection until it is lost."""
        connection = self._client.new_connection()
        try:
            await self._subscribe(connection)
            await self._receive(connection)
        finally:
            self._subscribed.clear()
            self._may_have_missed = True
            await connection.close()

    async def _subscribe(self, connection: DedicatedConnection) -> None:
        async with asyncio.timeout(_SUBSCRIBE_TIMEOUT_SECONDS):
            await connection.open()
            await connection.send("SUBSCRIBE", self._channel)
            await connection.receive()
        self._subscribed.set()
        if self._may_have_missed:
            self._notified.set()

    async def _receive(self, connection: DedicatedConnection) -> None:
        """Receive notifications from other processes until there's no response to a probe."""
        is_probed = False
        while True:
            message = await connection.receive(_ANSWER_SECONDS if is_probed else _QUIET_SECONDS)
            if message is None and is_probed:
                return
            is_probed = message is None
            if is_probed:
                await connection.send("PING")
            elif message[0] == b"message" and message[2] != self._sender_id.encode():
                self._notified.set()
