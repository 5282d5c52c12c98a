"""uvicorn's HTTP, with one write for each answer, and an end that throws nobody out."""

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

#: Seconds that a connection without a request is left open when the service comes down.
_LINGER: Final = 1.0


class OrderlyProtocol(HttpToolsProtocol):
    """Hands to the kernel at once what one turn of the event loop has to say.

    uvicorn writes an answer's head and its body one after the other, and uvloop passes each on at
    once: twice the system calls, twice the packets, and a client that is woken twice.

    When the service comes down, uvicorn closes what is between two requests, and a request that
    is on its way by then is lost. Here it is answered, with `Connection: close`: a client may
    send one until it has heard of the end (RFC 9112, 9.6).
    """

    _is_ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with a connection."""
        super().connection_made(cast("asyncio.Transport", _Gathering(transport)))

    def on_headers_complete(self) -> None:
        """Begin with a request: the last one, when the service is coming down."""
        super().on_headers_complete()
        if self._is_ending:
            super().shutdown()

    def shutdown(self) -> None:
        """End with the request that is under way, or with the next, if one comes soon."""
        self._is_ending = True
        if self._is_idle:
            self.loop.call_later(_LINGER, self._close_if_idle)
        else:
            super().shutdown()

    @property
    def _is_idle(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is None or cycle.response_complete

    def _close_if_idle(self) -> None:
        if self._is_idle:
            self.transport.close()


class _Gathering:
    """A transport that gathers what is written in one turn of the event loop."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send it with all that is written in this turn."""
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(data)

    def close(self) -> None:
        """Send what was written, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if unsent:
            self._transport.write(b"".join(unsent))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
