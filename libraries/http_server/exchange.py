"""Handle one request and its response through the ASGI 3 interface."""

import asyncio
import logging
from typing import Any, Final, Protocol, cast

from libraries.http_server import limits
from libraries.http_server.head import Headers, RequestHead
from libraries.http_server.output import Output
from libraries.http_server.refusals import App, Refusal
from libraries.http_server.response import ResponseHead

_logger = logging.getLogger(__name__)
_NO_RESPONSE: Final = Refusal(500, "The application ended without a response.")


class Channel(Protocol):
    """The pipeline that an exchange belongs to."""

    output: Output

    @property
    def default_headers(self) -> Headers:
        """Headers to add to every response."""

    @property
    def is_last(self) -> bool:
        """Whether the connection will close after the response that is starting now."""

    def refusal_app(self, refusal: Refusal, /) -> App:
        """Return the application that renders a refusal."""

    def body_taken(self) -> None:
        """Resume reading if it was paused to let the application catch up."""

    def response_ended(self) -> None:
        """Continue with the next request or close the connection."""

    def close_after(self) -> None:
        """Close the connection after everything has been sent."""


class Exchange:
    """Receives a request in parts, runs the application and sends its response."""

    def __init__(self, channel: Channel, head: RequestHead, scope: Any, app: App) -> None:
        self._channel = channel
        self._output = channel.output
        self._head = head
        self.scope = scope
        self.app = app
        self.keep_alive = head.keep_alive and head.version == "1.1"
        self.is_received = False
        self.is_answered = False
        self._failure: Refusal | None = None
        self._body = bytearray()
        self._received_bytes = 0
        self._end_is_taken = False
        self._arrival: asyncio.Event | None = None
        self._expects_continue = head.expects_continue
        self._response: ResponseHead | None = None
        self._is_begun = False

    # --- called by the connection

    @property
    def buffered_bytes(self) -> int:
        """The number of body bytes that the application has not received yet."""
        return len(self._body)

    def body_received(self, part: bytes) -> None:
        """Add a part to the body. It is dropped if the response is already complete."""
        self._received_bytes += len(part)
        if not self.is_answered:
            self._body += part
            self._wake()

    def request_ended(self) -> None:
        """Mark the request as complete."""
        self.is_received = True
        self._wake()

    def fail(self, refusal: Refusal) -> None:
        """Give up on the rest of the body, and pass the reason to the application."""
        self._failure = refusal
        self.keep_alive = False
        self._wake()

    def disconnect(self) -> None:
        """Wake the application because the connection has been lost."""
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None:
            self._arrival.set()

    # --- called by the application

    async def run(self) -> None:
        """Run the application."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except BaseException:  # including cancellation at the end of the grace period
            _logger.exception("exception in the application")
        if not self.is_answered and not self._output.is_lost:
            await self._give_up()

    async def _give_up(self) -> None:
        if self._is_begun:
            self._channel.close_after()
            return
        self._response, self.keep_alive = None, False
        refused = self._channel.refusal_app(_NO_RESPONSE)
        await refused(self.scope, self.receive, self.send)

    async def receive(self) -> Any:
        """Return the next part of the body.

        If the rest of the body won't arrive, this returns an `http.disconnect` message that
        contains the reason as `refusal`.
        """
        if self._expects_continue and not self._is_begun:
            self._expects_continue = False
            self._output.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self._is_over or self._body or (self.is_received and not self._end_is_taken)):
            self._arrival = asyncio.Event()
            await self._arrival.wait()
        if self._is_over:
            return {"type": "http.disconnect", "refusal": self._failure}
        part = bytes(self._body)
        self._body.clear()
        self._end_is_taken = self.is_received
        self._channel.body_taken()
        return {"type": "http.request", "body": part, "more_body": not self.is_received}

    @property
    def _is_over(self) -> bool:
        return self._output.is_lost or self.is_answered or self._failure is not None

    async def send(self, message: Any) -> None:
        """Send a part of the response. The head is sent together with the first body part."""
        if self._output.is_lost:
            return
        if self.is_answered:
            raise RuntimeError(f"{message['type']} after the end of the response")
        if self._response is None:
            if message["type"] != "http.response.start":
                raise RuntimeError(f"{message['type']} before the start of the response")
            self._response = ResponseHead(message, self._channel.default_headers)
            return
        if message["type"] != "http.response.body":
            raise RuntimeError(f"{message['type']} in the body of the response")
        while (drained := self._output.drained) is not None:
            await drained
        if not self._output.is_lost:
            self._write(message.get("body", b""), is_last=not message.get("more_body", False))

    def _write(self, body: bytes, *, is_last: bool) -> None:
        response = cast("ResponseHead", self._response)
        if self._head.method == "HEAD":
            data = b""
        elif self._head.version == "1.1" or response.length is not None:
            data = response.framed(body, is_last=is_last)
        else:  # closing the connection marks the end of the body (RFC 9112, section 6.3)
            data = body
        if not self._is_begun:
            data = self._begun(response) + data
        self._output.write(data)
        if is_last:
            self.is_answered = True
            self._body.clear()
            self._wake()
            self._channel.response_ended()

    def _begun(self, response: ResponseHead) -> bytes:
        self._is_begun = True
        self.keep_alive = self._keeps_connection(response)
        head = response.head
        if response.length is None and response.has_body and self._head.version == "1.1":
            head += b"transfer-encoding: chunked\r\n"
        return head + (b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")

    def _keeps_connection(self, response: ResponseHead) -> bool:
        """Return whether the connection can be reused. The body must be (almost) complete."""
        if not self.keep_alive or response.closes or self._channel.is_last:
            return False
        if self.is_received:
            return True
        if self._expects_continue or self._head.length is None:
            return False
        return self._head.length - self._received_bytes <= limits.MAX_DRAINED_BYTES
