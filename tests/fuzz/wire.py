"""Send requests as raw bytes, even malformed ones, and receive the responses."""

import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import Final
from urllib.parse import urlsplit

Header = tuple[bytes, bytes]

#: Seconds to wait for a response.
TIMEOUT_SECONDS: Final = 120.0
#: The pause, in seconds, between the parts of a slow request. It makes each part a separate packet.
_PAUSE_SECONDS: Final = 0.002


@dataclass(frozen=True, slots=True)
class Request:
    """A request as bytes, without the headers that frame its body."""

    method: bytes
    target: bytes
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    #: The role of the client that sends it.
    role: str = "anonymous"
    chunked: bool = False
    #: Whether the client closes its sending side after the request (RFC 9112, section 9.6).
    half_closed: bool = False
    #: How many packets the request is split into.
    packets: int = 1

    def encoded(self) -> bytes:
        """Return all bytes. Frame the body correctly, or the server would wait for more."""
        headers = [(b"host", b"fuzz"), *self.headers]
        body = self.body
        if self.chunked and body:
            headers.append((b"transfer-encoding", b"chunked"))
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            headers.append((b"content-length", b"%d" % len(body)))
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        return b"%s %s HTTP/1.1\r\n%s\r\n%s" % (self.method, self.target, head, body)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Connection:
    """A connection that is kept open until the server closes it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "localhost", parts.port or 80)
        self._socket: socket.socket | None = None

    def send(self, request: Request) -> Answer | None:
        """Return the response, or None if the server closed the connection or didn't respond."""
        fresh = self._socket is None
        answer = self._try(request)
        # Try again because a server may close idle connections at any time (RFC 9112, section 9.5).
        return answer if answer or fresh else self._try(request)

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _try(self, request: Request) -> Answer | None:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, TIMEOUT_SECONDS)
        with suppress(OSError):  # the server may respond and close before reading everything
            self._send(self._socket, request)
        try:
            answer = self._read(self._socket, request)
        except (OSError, HTTPException):
            answer = None
        if answer is None or request.half_closed or answer.headers.get("connection") == "close":
            self.close()
        return answer

    @staticmethod
    def _send(connection: socket.socket, request: Request) -> None:
        raw = request.encoded()
        size = -(-len(raw) // request.packets)
        for at in range(0, len(raw), size):
            if at:
                time.sleep(_PAUSE_SECONDS)
            connection.sendall(raw[at : at + size])
        if request.half_closed:
            connection.shutdown(socket.SHUT_WR)

    @staticmethod
    def _read(connection: socket.socket, request: Request) -> Answer:
        with HTTPResponse(connection, method=request.method.decode("latin-1")) as response:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())
