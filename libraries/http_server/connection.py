"""A connection: its requests in order, its deadlines and its end."""

import asyncio
from collections import deque
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from libraries.http_server import limits
from libraries.http_server.deadlines import Deadlines
from libraries.http_server.exchange import Exchange
from libraries.http_server.head import Headers, RequestHead, locate
from libraries.http_server.parser import RequestParser
from libraries.http_server.refusals import App, Refusal, RequestRefused, plain_text
from libraries.http_server.registry import Registry

_registries: Final[WeakKeyDictionary[ServerState, Registry]] = WeakKeyDictionary()
_HEAD_TOO_SLOW: Final = Refusal(408, "The head of the request did not arrive in time.")
_BODY_TOO_SLOW: Final = Refusal(408, "The body of the request did not arrive in time.")
_BROKEN_OFF: Final = Refusal(400, "The request broke off before its end.")
_MAPPED_IPV4: Final = "::ffff:"


class Connection(asyncio.Protocol):
    """HTTP/1.1 on a connection, for uvicorn's server.

    Requests are answered one after the other, each exactly once, however their bytes are split
    into packets. A subclass gives the form of refusals in `refusal_app`.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._app = cast("App", config.loaded_app)
        self._loop = _loop or asyncio.get_running_loop()
        self._registry = _registry_of(server_state, self._loop)
        self._parser = RequestParser(self)
        self._deadlines = Deadlines(self._loop.time)
        self._transport: asyncio.Transport
        #: The scope of every request, as far as it is the same.
        self._common: dict[str, Any] = {}
        #: The request that is being answered, and those behind it.
        self._exchanges: deque[Exchange] = deque()
        #: The request whose body arrives.
        self._arriving: Exchange | None = None
        #: Bytes that arrived behind a request that waits for its turn.
        self._unparsed = b""
        self._unsent: list[bytes] = []
        #: Completed when the client has taken enough of the responses for more to be written.
        self.room: asyncio.Future[None] | None = None
        self._idle_since = self._loop.time()
        self._head_has_begun = True
        self._has_served = False
        self._reads_requests = True
        self._reading_is_paused = False
        self._has_eof = False
        self._is_stopping = False
        self._lingers = False
        self.is_lost = False

    @staticmethod
    def refusal_app(refusal: Refusal, /) -> App:
        """Return the application that renders a refusal."""
        return plain_text(refusal)

    # --- events of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._common = {
            "type": "http",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.3"},
            "root_path": self._config.root_path,
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "server": get_local_addr(self._transport),
            "client": _without_mapping(get_remote_addr(self._transport)),
            "scheme": "https" if is_ssl(self._transport) else "http",
        }
        self._deadlines.read_within(limits.HEAD_SECONDS)
        self._state.connections.add(cast("Any", self))
        self._registry.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        del exc
        self.is_lost = True
        self._state.connections.discard(cast("Any", self))
        self._registry.discard(self)
        for exchange in self._exchanges:
            exchange.disconnect()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Read requests."""
        if self._lingers:
            self._deadlines.linger_on()
        elif self._unparsed:
            self._unparsed += data
        else:
            self._parse(data)

    def eof_received(self) -> bool:
        """Answer every whole request before the end (RFC 9112, section 9.6)."""
        self._has_eof = True
        self._flush()
        if self._lingers:
            return False
        if not self._unparsed:
            self._break_off()
        return bool(self._exchanges)

    def pause_writing(self) -> None:
        """Let the application wait until the client has taken more of the responses."""
        self.room = self._loop.create_future()
        self._deadlines.write_begun()

    def resume_writing(self) -> None:
        """Let the application go on."""
        room, self.room = self.room, None
        self._deadlines.write_ended()
        if room is not None and not room.done():
            room.set_result(None)

    # --- requests

    def _parse(self, data: bytes) -> None:
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
            self._bound_input()
        self._pace()

    def _bound_input(self) -> None:
        """Bound the time of a head or a body that has begun."""
        if self._arriving is not None:
            if not self._deadlines.bounds_reading:
                self._deadlines.read_within(limits.BODY_SECONDS)
        elif not self._exchanges and not self._head_has_begun and self._reads_requests:
            self._head_has_begun = True
            self._deadlines.read_within(limits.HEAD_SECONDS)

    def request_begun(self, head: RequestHead) -> None:
        """Take a request.

        Raises:
            RequestRefused: its target is no URL.
        """
        if not self._reads_requests:
            return
        scope = self._scope(head)
        locate(scope, head.target)
        exchange = Exchange(self, head, scope, self._app)
        self._arriving = exchange
        self._append(exchange)

    def _scope(self, head: RequestHead) -> dict[str, Any]:
        scope = self._common.copy()
        scope["http_version"] = head.version
        scope["method"] = head.method
        scope["headers"] = head.headers
        scope["state"] = self._app_state.copy()
        return scope

    def body_received(self, part: bytes) -> None:
        """Take a part of a body."""
        if self._arriving is not None:
            self._arriving.body_received(part)

    def request_ended(self) -> None:
        """Take note that a request is whole."""
        exchange, self._arriving = self._arriving, None
        if exchange is None:
            return
        exchange.request_ended()
        self._reads_requests = self._reads_requests and exchange.keep_alive
        self._deadlines.nothing_to_read()
        if exchange.is_answered:
            self._go_on(exchange)

    def _append(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)
        self._deadlines.nothing_to_read()
        self._head_has_begun = False
        if len(self._exchanges) == 1:
            self._start(exchange)

    def _start(self, exchange: Exchange) -> None:
        task = self._loop.create_task(exchange.run())
        task.add_done_callback(self._state.tasks.discard)
        self._state.tasks.add(task)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal in its turn, and read no further."""
        if self._arriving is not None:
            self._fail_body(refusal)
            return
        self._reads_requests = False
        head = RequestHead("GET", b"/", "1.1", [], keep_alive=False)
        exchange = Exchange(self, head, self._scope(head), self.refusal_app(refusal))
        exchange.request_ended()
        self._append(exchange)

    def _fail_body(self, refusal: Refusal) -> None:
        """End a body that will not arrive; the application answers with the reason."""
        exchange, self._arriving = self._arriving, None
        self._reads_requests = False
        self._deadlines.nothing_to_read()
        if exchange is not None:
            exchange.fail(refusal)
            if exchange.is_answered:
                self._go_on(exchange)

    def _break_off(self) -> None:
        """End a request that will never be whole: the client sends no more."""
        if self._arriving is not None:
            self._fail_body(_BROKEN_OFF)
        elif self._parser.in_request and self._reads_requests:
            self._refuse(_BROKEN_OFF)
        self._reads_requests = False

    def _pace(self) -> None:
        """Read no faster than the application takes requests and bodies."""
        waits = bool(self._unparsed) or len(self._exchanges) > 1
        if not waits and self._arriving is not None:
            waits = self._arriving.buffered_bytes > limits.MAX_BUFFERED_BYTES
        if waits == self._reading_is_paused or self._has_eof or self._transport.is_closing():
            return
        self._reading_is_paused = waits
        if waits:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # --- the channel of an exchange

    @property
    def default_headers(self) -> Headers:
        """The headers of every response."""
        return self._state.default_headers

    @property
    def is_last(self) -> bool:
        """Whether the connection ends with the response that begins now."""
        is_ending = self._is_stopping or self._has_eof
        return is_ending and len(self._exchanges) == 1 and not self._unparsed

    def write(self, data: bytes) -> None:
        """Send bytes, with all that is written in this turn of the event loop.

        Under load the responses of many connections then leave in one turn: a twentieth less work
        for each (docs/adr/0019-http-server.md).
        """
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(data)

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if unsent:
            self._transport.write(b"".join(unsent))

    def body_taken(self) -> None:
        """Read on, if reading had to wait for the application."""
        if self._reading_is_paused:
            self._pace()

    def response_ended(self) -> None:
        """Go on with the next request, or end."""
        self._state.total_requests += 1
        self._has_served = True
        exchange = self._exchanges[0]
        if exchange.is_received or not exchange.keep_alive:
            self._go_on(exchange)
        elif self._reading_is_paused:
            self._pace()

    def _go_on(self, exchange: Exchange) -> None:
        if not exchange.keep_alive:
            self.close_after()
            return
        self._exchanges.popleft()
        if self._exchanges:
            self._start(self._exchanges[0])
        if self._unparsed and len(self._exchanges) <= 1:
            unparsed, self._unparsed = self._unparsed, b""
            self._parse(unparsed)
            if self._has_eof and not self._unparsed:
                self._break_off()
        elif self._reading_is_paused:
            self._pace()
        if not self._exchanges:
            self._rest()

    def _rest(self) -> None:
        """Wait for the next request."""
        if self._has_eof:
            self.close_after()
            return
        self._idle_since = self._loop.time()
        self._head_has_begun = self._parser.in_request
        seconds = limits.HEAD_SECONDS if self._head_has_begun else self._config.timeout_keep_alive
        self._deadlines.read_within(seconds)

    # --- ends

    def close_after(self) -> None:
        """Close once everything is sent, and the client has had time to read it.

        To close at once would reset a connection that the client still sends on, and destroy what
        it has not read of the response: so only the sending side is closed (RFC 9112, section 9.6).
        """
        if self._lingers or self.is_lost:
            return
        self._lingers = True
        self._reads_requests = False
        self._unparsed = b""
        self._deadlines.linger()
        self._flush()
        if self._has_eof or not self._transport.can_write_eof():
            self._transport.close()
            return
        if self._reading_is_paused:
            self._reading_is_paused = False
            self._transport.resume_reading()
        self._transport.write_eof()

    @property
    def deadline(self) -> float:
        """When the client must have sent, or taken, something, by the event loop's clock."""
        return self._deadlines.next

    def expire(self) -> None:
        """End what was to be over by the deadline."""
        unsent_bytes = self._transport.get_write_buffer_size()
        if unsent_bytes and self._deadlines.extend(unsent_bytes):
            return
        if unsent_bytes or self._lingers:
            self._transport.abort()
        elif self._arriving is not None:
            self._expire_body()
        elif self._parser.in_request:
            self._refuse(_HEAD_TOO_SLOW)
        else:
            self.close_after()

    def _expire_body(self) -> None:
        if self._reading_is_paused:  # the application is late, not the client
            self._deadlines.read_within(limits.BODY_SECONDS)
        else:
            self._fail_body(_BODY_TOO_SLOW)

    def rank(self) -> tuple[int, float] | None:
        """Return the place among connections that may be closed in favour of a new one.

        First those that never had a request, then idle ones, then those whose request arrives
        slowly; of each, the longest idle first. None for a request that is being answered.
        """
        if self._lingers or not self._exchanges:
            return int(self._has_served), self._idle_since
        return (2, self._idle_since) if self._arriving is not None else None

    def evict(self) -> None:
        """Close at once."""
        self._transport.abort()

    def shutdown(self) -> None:
        """End with the request that is under way, or with the next, if one comes soon.

        uvicorn calls it when the server stops. A client may send a request until it learns of the
        end (RFC 9112, section 9.6): it is answered, with `Connection: close`.
        """
        self._is_stopping = True
        if self._lingers:
            self._deadlines.read_sooner(limits.SHUTDOWN_IDLE_SECONDS)
        elif not self._exchanges:
            self._loop.call_later(limits.SHUTDOWN_IDLE_SECONDS, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if not self._exchanges and not self.is_lost:
            self._flush()
            self._transport.close()


def _registry_of(state: ServerState, loop: asyncio.AbstractEventLoop) -> Registry:
    registry = _registries.get(state)
    if registry is None:
        registry = _registries[state] = Registry(loop)
    return registry


def _without_mapping(address: tuple[str, int] | None) -> tuple[str, int] | None:
    """Return an IPv4 client's own address, on a socket that serves both families."""
    if address is None or not address[0].startswith(_MAPPED_IPV4):
        return address
    return address[0].removeprefix(_MAPPED_IPV4), address[1]
