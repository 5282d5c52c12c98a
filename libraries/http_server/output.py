"""The sending side of a connection."""

import asyncio

from libraries.http_server.deadlines import Deadlines


class Output:
    """Sends the writes of one turn of the event loop together, and applies backpressure.

    Under load the responses of many connections then leave in one turn: a twentieth less work for
    each (docs/adr/0019-http-server.md).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        self._loop = loop
        self._deadlines = deadlines
        self._transport: asyncio.Transport
        self._unsent: list[bytes] = []
        #: Pending while the client must first take more of the responses; None if it need not.
        self.drained: asyncio.Future[None] | None = None
        #: Whether the connection is lost.
        self.is_lost = False

    def open(self, transport: asyncio.Transport) -> None:
        """Write to this transport from now on."""
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Send bytes at the end of this turn of the event loop."""
        if not self._unsent:
            self._loop.call_soon(self.flush)
        self._unsent.append(data)

    def flush(self) -> None:
        """Send all bytes now."""
        unsent, self._unsent = self._unsent, []
        if unsent:
            self._transport.write(b"".join(unsent))

    @property
    def unsent_bytes(self) -> int:
        """The bytes that the client has not taken."""
        return self._transport.get_write_buffer_size()

    def pause(self) -> None:
        """Make the application wait until the client has taken more of the responses."""
        self.drained = self._loop.create_future()
        self._deadlines.write_begun()

    def resume(self) -> None:
        """Let the application continue."""
        drained, self.drained = self.drained, None
        self._deadlines.write_ended()
        if drained is not None and not drained.done():
            drained.set_result(None)

    def lose(self) -> None:
        """Note that the connection is lost; the application waits no longer."""
        self.is_lost = True
        self.resume()
