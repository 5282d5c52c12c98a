"""Handle a connection's transport events and deadlines, and close it."""

import asyncio
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from uvicorn.config import Config
from uvicorn.server import ServerState

from libraries.http_server import limits
from libraries.http_server.context import ServerContext
from libraries.http_server.deadlines import Deadlines
from libraries.http_server.output import Output
from libraries.http_server.pipeline import Pipeline
from libraries.http_server.refusals import App, Refusal, plain_text
from libraries.http_server.registry import Registry

_registries: Final[WeakKeyDictionary[ServerState, Registry]] = WeakKeyDictionary()


class HttpConnection(asyncio.Protocol):
    """An HTTP/1.1 connection for uvicorn's server.

    Each request is answered exactly once and in order, no matter how its bytes are split into
    packets. Subclasses can override `refusal_app` to change how refusals are rendered.
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
        self._loop = _loop or asyncio.get_running_loop()
        self._state = server_state
        self._registry = _registry_of(server_state, self._loop)
        self._deadlines = Deadlines(self._loop.time)
        self._output = Output(self._loop, self._deadlines)
        app = cast("App", config.loaded_app)
        context = ServerContext(config, server_state, app, app_state, self._loop)
        self._pipeline = Pipeline(self, context, self._output, self._deadlines)
        self._transport: asyncio.Transport
        #: Whether the connection is only waiting for the client to close its side.
        self._lingers = False

    @staticmethod
    def refusal_app(refusal: Refusal, /) -> App:
        """Return the application that renders a refusal."""
        return plain_text(refusal)

    # --- transport events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._output.open(self._transport)
        self._pipeline.open(self._transport)
        self._state.connections.add(cast("Any", self))
        self._registry.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake all applications that are waiting for the client."""
        del exc
        self._state.connections.discard(cast("Any", self))
        self._registry.discard(self)
        self._output.lose()
        self._pipeline.disconnect()

    def data_received(self, data: bytes) -> None:
        """Read requests."""
        if self._lingers:
            self._deadlines.linger_on()
        else:
            self._pipeline.receive(data)

    def eof_received(self) -> bool:
        """Answer all complete requests before closing (RFC 9112, section 9.6)."""
        self._pipeline.has_eof = True
        self._output.flush()
        if self._lingers:
            return False
        self._pipeline.receive_eof()
        return not self._pipeline.is_empty

    def pause_writing(self) -> None:
        """Make the application wait until the client has read more of its responses."""
        self._output.pause()

    def resume_writing(self) -> None:
        """Let the application continue."""
        self._output.resume()

    # --- closing

    def close_after(self) -> None:
        """Close after everything has been sent and the client has had time to read it.

        If the client is still sending, an immediate close would reset the connection, and the
        client could lose the rest of its response. So this only closes the sending side at first
        (RFC 9112, section 9.6).
        """
        if self._lingers or self._output.is_lost:
            return
        self._lingers = True
        self._pipeline.stop_parsing()
        self._deadlines.linger()
        self._output.flush()
        if self._pipeline.has_eof or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._pipeline.resume_reading()
        self._transport.write_eof()

    @property
    def deadline(self) -> float:
        """When the client must have sent or read something, as event loop time."""
        return self._deadlines.next

    def expire(self) -> None:
        """Abort, refuse or close, because a deadline has passed."""
        unsent_bytes = self._output.unsent_bytes
        if unsent_bytes and self._deadlines.extend(unsent_bytes):
            return
        if unsent_bytes or self._lingers:
            self._transport.abort()
        else:
            self._pipeline.expire()

    def rank(self) -> tuple[int, float] | None:
        """Return a sort key for evicting connections to make room for a new one.

        Connections that never had a request are evicted first, then idle ones, then those that are
        still receiving a request. Within each group, the one that has been idle longest goes first.
        None means that a request is being answered, so the connection must not be evicted.
        """
        pipeline = self._pipeline
        if self._lingers or pipeline.is_empty:
            return int(pipeline.has_served), pipeline.idle_since
        return (2, pipeline.idle_since) if pipeline.is_receiving else None

    def evict(self) -> None:
        """Close immediately."""
        self._transport.abort()

    def shutdown(self) -> None:
        """Close after the current request, or after the next one if it arrives soon.

        uvicorn calls this when the server is stopping. Until a client notices the close, it may
        send another request (RFC 9112, section 9.6), which is answered with `Connection: close`.
        """
        self._pipeline.is_stopping = True
        if self._lingers:
            self._deadlines.read_sooner(limits.SHUTDOWN_IDLE_SECONDS)
        elif self._pipeline.is_empty:
            self._loop.call_later(limits.SHUTDOWN_IDLE_SECONDS, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self._pipeline.is_empty and not self._output.is_lost:
            self._output.flush()
            self._transport.close()


def _registry_of(state: ServerState, loop: asyncio.AbstractEventLoop) -> Registry:
    registry = _registries.get(state)
    if registry is None:
        registry = _registries[state] = Registry(loop)
    return registry
