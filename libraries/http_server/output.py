"""The sending side of a connection."""

import asyncio

from libraries.http_server.deadlines import Deadlines


class Output:
    """Sends all writes of an event loop iteration together, and applies backpressure.

    Under load, this sends the responses of many connections in the same iteration, which makes
    each of them 5% cheaper (docs/adr/0019-http-server.md).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        self._loop = loop
        self._deadlines = deadlines
        self._transport: asyncio.Transport
        self._unsent: list[bytes] = []
        #: Pending until the client has read more of its responses. None if there is no backlog.
        self.drained: asyncio.Future[None] | None = None
        #: Whether the connection has been lost.
        self.is_lost = False

    def open(self, transport: asyncio.Transport) -> None:
        """Set the transport to write to."""
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Send bytes at the end of the current event loop iteration."""
        if not self._unsent:
            self._loop.call_soon(self.flush)
        self._unsent.append(data)

    def flush(self) -> None:
        """Send all pending bytes now."""
        unsent, self._unsent = self._unsent, []
        if unsent:
            self._transport.write(b"".join(unsent))

    @property
    def unsent_bytes(self) -> int:
        """The number of bytes that the client has not taken yet."""
        return self._transport.get_write_buffer_size()

    def pause(self) -> None:
        """Make the application wait until the client has read more of its responses."""
        self.drained = self._loop.create_future()
        self._deadlines.write_begun()

    def resume(self) -> None:
        """Let the application continue."""
        drained, self.drained = self.drained, None
        self._deadlines.write_ended()
        if drained is not None and not drained.done():
            drained.set_result(None)

    def lose(self) -> None:
        """Mark the connection as lost, and let the application continue."""
        self.is_lost = True
        self.resume()
