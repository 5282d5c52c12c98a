"""Parse HTTP/1.1 requests (RFC 9112)."""

from typing import Protocol

import httptools

from libraries.http_server import limits
from libraries.http_server.head import RequestHead, check_head
from libraries.http_server.refusals import RequestRefused

#: llhttp's messages for other HTTP versions. The second is for the HTTP/2 connection preface.
_OTHER_VERSIONS = frozenset({"Invalid HTTP version", "Pause on PRI/Upgrade"})
_TOO_LARGE = "The head of a request, including trailers, may have at most 64 KiB."


class RequestEvents(Protocol):
    """Receives parsed requests."""

    def request_begun(self, head: RequestHead) -> None:
        """Start a request with this head."""

    def body_received(self, part: bytes) -> None:
        """Add a part to the request's body."""

    def request_ended(self) -> None:
        """Complete the request."""


class RequestParser:
    """A connection's parser. `feed` calls `events` in the order of the bytes.

    Upgrade offers are ignored (RFC 9110, section 7.8). But llhttp stops when it finds one, and
    treats the following bytes as another protocol. To avoid that, a new parser first reads the
    same head without the offer. This way, the body is framed like that of any other request.
    """

    def __init__(self, events: RequestEvents) -> None:
        self._events = events
        self._parser = self._new_parser()
        #: The number of bytes since the last complete head, body part or end of a request.
        self._held_bytes = 0
        self._has_progress = False
        self._in_message = False
        self._in_body = False
        self._is_offer = False
        self._spans_feeds = False
        self._trailer_bytes = 0
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._refused: RequestRefused | None = None

    @property
    def in_request(self) -> bool:
        """Whether a request has started but is not complete."""
        return self._in_message

    def feed(self, data: bytes) -> None:
        """Parse bytes. Must not be called again after it has raised.

        The cost per byte is constant, and no more than `MAX_HEAD_BYTES` are buffered.

        Raises:
            RequestRefused: the bytes are not HTTP, or exceed a limit.
        """
        if len(data) <= limits.MAX_HEAD_BYTES - self._held_bytes:
            self._feed_part(data)
            return
        rest = memoryview(data)
        while rest:
            part = rest[: limits.MAX_HEAD_BYTES - self._held_bytes]
            self._feed_part(part)
            rest = rest[len(part) :]

    def _feed_part(self, part: bytes | memoryview) -> None:
        self._has_progress = False
        self._spans_feeds = self._in_message and not self._in_body
        self._execute(part)
        self._held_bytes = 0 if self._has_progress else self._held_bytes + len(part)
        if self._held_bytes >= limits.MAX_HEAD_BYTES:
            raise RequestRefused(431, _TOO_LARGE)

    def _execute(self, part: bytes | memoryview) -> None:
        try:
            self._parser.feed_data(part)
        except httptools.HttpParserUpgrade as offer:
            if self._is_offer:
                self._read_without_offer(part[offer.args[0] :])
        except httptools.HttpParserError as error:
            raise (self._refused or _refused(error)) from None

    def _read_without_offer(self, rest: bytes | memoryview) -> None:
        self._is_offer = False
        method = self._parser.get_method()
        version = self._parser.get_http_version()
        lines = [b"%b %b HTTP/%b" % (method, self._target, version.encode())]
        lines += (b"%b: %b" % each for each in self._headers if each[0] != b"upgrade")
        self._parser = self._new_parser()
        self._execute(b"\r\n".join(lines) + b"\r\n\r\n")
        if rest:
            self._execute(rest)

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # Requests after one with `Connection: close` are ignored instead of raising an error.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    # --- httptools callbacks

    def on_message_begin(self) -> None:
        """Start a request."""
        self._in_message = True
        self._target = b""
        self._headers = []

    def on_url(self, part: bytes) -> None:
        """Add a part to the request target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header. Trailers only count towards the size limit and are dropped."""
        if self._in_body:
            self._trailer_bytes += len(name) + len(value) + 4
            if self._trailer_bytes + self._head_bytes() > limits.MAX_HEAD_BYTES:
                self._refuse(RequestRefused(431, _TOO_LARGE))
            return
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Pass on the head, unless it has to be parsed again without its upgrade offer."""
        method = self._parser.get_method()
        if self._parser.should_upgrade() and method != b"CONNECT":
            self._is_offer = True
            return
        if self._spans_feeds and self._head_bytes() > limits.MAX_HEAD_BYTES:
            self._refuse(RequestRefused(431, _TOO_LARGE))
        head = RequestHead(
            method.decode("ascii"),
            self._target,
            self._parser.get_http_version(),
            self._headers,
            self._parser.should_keep_alive(),
        )
        try:
            check_head(head)
            self._events.request_begun(head)
        except RequestRefused as refused:
            self._refuse(refused)
        self._has_progress = True
        self._in_body = True
        self._trailer_bytes = 0

    def on_body(self, part: bytes) -> None:
        """Pass on a part of the body."""
        self._has_progress = True
        self._events.body_received(part)

    def on_message_complete(self) -> None:
        """Pass on the end of the request."""
        if self._is_offer:
            return
        self._has_progress = True
        self._in_message = self._in_body = False
        self._events.request_ended()

    def _refuse(self, refused: RequestRefused) -> None:
        # httptools replaces exceptions raised in callbacks with its own.
        self._refused = refused
        raise refused

    def _head_bytes(self) -> int:
        headers = sum(len(name) + len(value) + 4 for name, value in self._headers)
        return len(self._target) + headers


def _refused(error: httptools.HttpParserError) -> RequestRefused:
    reason = str(error)
    if reason in _OTHER_VERSIONS:
        return RequestRefused(505, "This server supports HTTP/1.1 and HTTP/1.0.")
    return RequestRefused(400, f"The request is not well-formed HTTP/1.1: {reason}.")
