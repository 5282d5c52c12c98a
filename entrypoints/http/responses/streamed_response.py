"""Responses whose body is made while it is being sent."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING

from entrypoints.http.responses.raw_response import Header

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send


class StreamedResponse:
    """A 200 response without a length, which sends each part before it gets the next one.

    An error from the parts ends the response in the middle, and the server closes the connection.
    Clients notice this because the last chunk is missing (RFC 9112, section 8). No more parts are
    made after the client has disconnected.
    """

    def __init__(
        self, parts: AsyncIterator[bytes], media_type: bytes, headers: Iterable[Header]
    ) -> None:
        self._parts = parts
        self._headers = [(b"content-type", media_type), *headers]

    async def __call__(self, _: "Scope", receive: "Receive", send: "Send") -> None:
        """Send the response."""
        disconnect = asyncio.ensure_future(_disconnect(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            async for part in self._parts:
                if disconnect.done():
                    return
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            disconnect.cancel()


async def _disconnect(receive: "Receive") -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
