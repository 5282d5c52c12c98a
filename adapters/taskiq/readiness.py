"""Check if the task queue's keys are usable."""

from collections.abc import Mapping
from typing import Any, Final

from redis.exceptions import ResponseError

from adapters.taskiq.errors import queue_errors
from libraries.redis_client.errors import translated_errors
from libraries.task_stream.connections import QueueConnections
from libraries.task_stream.stream import keys_of_queue

#: A command for each key, in the same order. It fails if the key has the wrong type.
_COMMANDS: Final = ("XLEN", "ZCARD", "HLEN", "ZCARD")


class QueueCheck:
    """Checks all of the queue's keys on a separate connection."""

    def __init__(self, url: str, prefix: str) -> None:
        self._connections = QueueConnections(url)
        keys = keys_of_queue(prefix)
        self._command_of: Mapping[str, str] = dict(zip(keys, _COMMANDS, strict=True))

    async def __call__(self) -> None:
        """Check that every key has the right type and is readable.

        Raises:
            QueueUnavailable: a key isn't usable. The message contains the reason.
        """
        with queue_errors(), translated_errors():
            client: Any = await self._connections.client()
            for key, command in self._command_of.items():
                try:
                    await client.execute_command(command, key)
                except ResponseError as refusal:
                    raise ResponseError(f"{refusal} (key {key})") from refusal

    async def close(self) -> None:
        """Close the connection."""
        with queue_errors(), translated_errors():
            await self._connections.close()
