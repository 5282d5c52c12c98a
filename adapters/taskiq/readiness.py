"""Whether the keys of the task queue can be used."""

from collections.abc import Mapping
from typing import Any, Final

from redis.exceptions import ResponseError

from libraries.task_stream.redis_server import QueueServer, errors_as_ours
from libraries.task_stream.stream import keys_of_queue

#: A command for each key that Redis refuses for a key of another type, in the order of the keys.
_LOOKS: Final = ("XLEN", "ZCARD", "HLEN", "ZCARD")


class QueueCheck:
    """Looks at each key of the queue; it has a connection of its own."""

    def __init__(self, url: str, prefix: str) -> None:
        self._server = QueueServer(url)
        self._looks: Mapping[str, str] = dict(zip(keys_of_queue(prefix), _LOOKS, strict=True))

    async def __call__(self) -> None:
        """Check that each key is of its type, and may be read.

        Raises:
            QueueUnavailable: with the reason.
        """
        with errors_as_ours():
            client: Any = await self._server.client()
            for key, look in self._looks.items():
                try:
                    await client.execute_command(look, key)
                except ResponseError as refusal:
                    raise ResponseError(f"{refusal} (key {key})") from refusal

    async def close(self) -> None:
        """Close the connection."""
        with errors_as_ours():
            await self._server.close()
