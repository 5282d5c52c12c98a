"""Process a connection's requests in order."""

import asyncio
from collections import deque
from typing import Any, Final, Protocol

from libraries.http_server import limits
from libraries.http_server.context import ServerContext
from libraries.http_server.deadlines import Deadlines
from libraries.http_server.exchange import Exchange
from libraries.http_server.head import Headers, RequestHead, locate
from libraries.http_server.output import Output
from libraries.http_server.parser import RequestParser
from libraries.http_server.refusals import App, Refusal, RequestRefused
from libraries.http_server.scope import scope_of_connection, scope_of_request

_HEAD_TOO_SLOW: Final = Refusal(408, "The head of the request did not arrive in time.")
_BODY_TOO_SLOW: Final = Refusal(408, "The body of the request did not arrive in time.")
_INCOMPLETE: Final = Refusal(400, "The request ended early.")


class PipelinedConnection(Protocol):
    """The connection that a pipeline belongs to."""

    def refusal_app(self, refusal: Refusal, /) -> App:
        """Return the application that renders a refusal."""

    def close_after(self) -> None:
        """Close after everything has been sent."""


class Pipeline:
    """Parses requests and answers each of them exactly once, one after the other.

    If the application is slow to receive requests and bodies, reading slows down with it.
    """

    def __init__(
        self,
        connection: PipelinedConnection,
        context: ServerContext,
        output: Output,
        deadlines: Deadlines,
    ) -> None:
        self._connection = connection
        self._context = context
        self.output = output
        self._deadlines = deadlines
        self._transport: asyncio.Transport
        self._shared_scope: dict[str, Any] = {}
        self._parser = RequestParser(self)
        #: The request that is being answered, followed by those waiting for their turn.
        self._exchanges: deque[Exchange] = deque()
        #: The request whose body is arriving.
        self._arriving: Exchange | None = None
        #: Bytes that arrived after a request that is waiting for its turn.
        self._unparsed = b""
        self._head_has_begun = True
        self._reads_requests = True
        self._reading_is_paused = False
        #: Whether the client has closed its sending side.
        self.has_eof = False
        #: Whether the connection will close after its current requests.
        self.is_stopping = False
        self.has_served = False
        self.idle_since = context.loop.time()

    @property
    def is_empty(self) -> bool:
        """Whether there is no request that is being answered or waiting."""
        return not self._exchanges

    @property
    def is_receiving(self) -> bool:
        """Whether a body is arriving."""
        return self._arriving is not None

    # --- called by the connection

    def open(self, transport: asyncio.Transport) -> None:
        """Expect the first request."""
        self._transport = transport
        self._shared_scope = scope_of_connection(self._context.config, transport)
        self._deadlines.read_within(limits.HEAD_SECONDS)

    def receive(self, data: bytes) -> None:
        """Parse requests. If there is no room for another one, keep the bytes for later."""
        if self._unparsed:
            self._unparsed += data
            return
        if not self._reads_requests:
            return
        try:
            for start in range(0, len(data), limits.MAX_HEAD_BYTES):
                if len(self._exchanges) > 1:
                    self._unparsed = data[start:]
                    break
                self._parser.feed(data[start : start + limits.MAX_HEAD_BYTES])
        except RequestRefused as refused:
            if self._reads_requests:
                self._refuse(refused.refusal)
        else:
            self._set_deadline()
        self._control_flow()

    def receive_eof(self) -> None:
        """Answer all complete requests before closing (RFC 9112, section 9.6)."""
        if not self._unparsed:
            self._fail_incomplete()

    def disconnect(self) -> None:
        """Wake the applications because the connection has been lost."""
        for exchange in self._exchanges:
            exchange.disconnect()

    def expire(self) -> None:
        """Refuse a request that has not arrived in time, or close an idle connection."""
        if self._arriving is not None:
            if self._reading_is_paused:  # the application is slow, not the client
                self._deadlines.read_within(limits.BODY_SECONDS)
            else:
                self._fail_body(_BODY_TOO_SLOW)
        elif self._parser.in_request:
            self._refuse(_HEAD_TOO_SLOW)
        else:
            self._connection.close_after()

    def stop_parsing(self) -> None:
        """Ignore all further requests."""
        self._reads_requests = False
        self._unparsed = b""

    def resume_reading(self) -> None:
        """Resume reading from the transport if it is paused."""
        if self._reading_is_paused:
            self._reading_is_paused = False
            self._transport.resume_reading()

    # --- called by the parser

    def _set_deadline(self) -> None:
        """Set a deadline for a head or body that has started to arrive."""
        if self._arriving is not None:
            if not self._deadlines.bounds_reading:
                self._deadlines.read_within(limits.BODY_SECONDS)
        elif not self._exchanges and not self._head_has_begun and self._reads_requests:
            self._head_has_begun = True
            self._deadlines.read_within(limits.HEAD_SECONDS)

    def request_begun(self, head: RequestHead) -> None:
        """Enqueue a request.

        Raises:
            RequestRefused: its target is not a URL.
        """
        if not self._reads_requests:
            return
        scope = scope_of_request(self._shared_scope, head, self._context.app_state)
        locate(scope, head.target)
        exchange = Exchange(self, head, scope, self._context.app)
        self._arriving = exchange
        self._enqueue(exchange)

    def body_received(self, part: bytes) -> None:
        """Add a part to the body that is arriving."""
        if self._arriving is not None:
            self._arriving.body_received(part)

    def request_ended(self) -> None:
        """Complete the request that is arriving."""
        exchange, self._arriving = self._arriving, None
        if exchange is None:
            return
        exchange.request_ended()
        self._reads_requests = self._reads_requests and exchange.keep_alive
        self._deadlines.nothing_to_read()
        if exchange.is_answered:
            self._next(exchange)

    def _enqueue(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)
        self._deadlines.nothing_to_read()
        self._head_has_begun = False
        if len(self._exchanges) == 1:
            self._start(exchange)

    def _start(self, exchange: Exchange) -> None:
        tasks = self._context.state.tasks
        task = self._context.loop.create_task(exchange.run())
        task.add_done_callback(tasks.discard)
        tasks.add(task)

    # --- refusals

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal when it's its turn, and stop reading requests."""
        if self._arriving is not None:
            self._fail_body(refusal)
            return
        self._reads_requests = False
        head = RequestHead("GET", b"/", "1.1", [], keep_alive=False)
        scope = scope_of_request(self._shared_scope, head, self._context.app_state)
        exchange = Exchange(self, head, scope, self._connection.refusal_app(refusal))
        exchange.request_ended()
        self._enqueue(exchange)

    def _fail_body(self, refusal: Refusal) -> None:
        """Give up on the rest of a body. The application responds with the reason."""
        exchange, self._arriving = self._arriving, None
        self._reads_requests = False
        self._deadlines.nothing_to_read()
        if exchange is not None:
            exchange.fail(refusal)
            if exchange.is_answered:
                self._next(exchange)

    def _fail_incomplete(self) -> None:
        """Refuse a request that can't be completed because the client has stopped sending."""
        if self._arriving is not None:
            self._fail_body(_INCOMPLETE)
        elif self._parser.in_request and self._reads_requests:
            self._refuse(_INCOMPLETE)
        self._reads_requests = False

    def _control_flow(self) -> None:
        """Pause reading while the application is behind, and resume it when it catches up."""
        pauses = bool(self._unparsed) or len(self._exchanges) > 1
        if not pauses and self._arriving is not None:
            pauses = self._arriving.buffered_bytes > limits.MAX_BUFFERED_BYTES
        if pauses == self._reading_is_paused or self.has_eof or self._transport.is_closing():
            return
        self._reading_is_paused = pauses
        if pauses:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # --- called by an exchange

    @property
    def default_headers(self) -> Headers:
        """Headers to add to every response."""
        return self._context.state.default_headers

    @property
    def is_last(self) -> bool:
        """Whether the connection will close after the response that is starting now."""
        is_ending = self.is_stopping or self.has_eof
        return is_ending and len(self._exchanges) == 1 and not self._unparsed

    def refusal_app(self, refusal: Refusal, /) -> App:
        """Return the application that renders a refusal."""
        return self._connection.refusal_app(refusal)

    def close_after(self) -> None:
        """Close the connection after everything has been sent."""
        self._connection.close_after()

    def body_taken(self) -> None:
        """Resume reading if it was paused to let the application catch up."""
        if self._reading_is_paused:
            self._control_flow()

    def response_ended(self) -> None:
        """Continue with the next request or close the connection."""
        self._context.state.total_requests += 1
        self.has_served = True
        exchange = self._exchanges[0]
        if exchange.is_received or not exchange.keep_alive:
            self._next(exchange)
        elif self._reading_is_paused:
            self._control_flow()

    def _next(self, exchange: Exchange) -> None:
        if not exchange.keep_alive:
            self._connection.close_after()
            return
        self._exchanges.popleft()
        if self._exchanges:
            self._start(self._exchanges[0])
        if self._unparsed and len(self._exchanges) <= 1:
            unparsed, self._unparsed = self._unparsed, b""
            self.receive(unparsed)
            if self.has_eof and not self._unparsed:
                self._fail_incomplete()
        elif self._reading_is_paused:
            self._control_flow()
        if not self._exchanges:
            self._wait_for_request()

    def _wait_for_request(self) -> None:
        if self.has_eof:
            self._connection.close_after()
            return
        self.idle_since = self._context.loop.time()
        self._head_has_begun = self._parser.in_request
        keep_alive_seconds = self._context.config.timeout_keep_alive
        self._deadlines.read_within(
            limits.HEAD_SECONDS if self._head_has_begun else keep_alive_seconds
        )
