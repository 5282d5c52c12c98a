"""A connection: its transport, its deadlines and its end."""

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
    """HTTP/1.1 on a connection, for uvicorn's server.

    Requests are answered in order, each exactly once, for every split of their bytes into packets.
    A subclass gives the form of refusals in `refusal_app`.
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
        #: Whether only the end of the client is awaited.
        self._lingers = False

    @staticmethod
    def refusal_app(refusal: Refusal, /) -> App:
        """Return the application that renders a refusal."""
        return plain_text(refusal)

    # --- events of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._output.open(self._transport)
        self._pipeline.open(self._transport)
        self._state.connections.add(cast("Any", self))
        self._registry.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake every application that waits for the client."""
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
        """Answer every whole request before the end (RFC 9112, section 9.6)."""
        self._pipeline.has_eof = True
        self._output.flush()
        if self._lingers:
            return False
        self._pipeline.receive_eof()
        return not self._pipeline.is_empty

    def pause_writing(self) -> None:
        """Make the application wait until the client has taken more of the responses."""
        self._output.pause()

    def resume_writing(self) -> None:
        """Let the application continue."""
        self._output.resume()

    # --- ends

    def close_after(self) -> None:
        """Close once everything is sent, and the client has had time to read it.

        An immediate close would reset a connection on which the client still sends, and destroy
        unread parts of the response. So only the sending side is closed (RFC 9112, section 9.6).
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
        """When the client must have sent or taken something, on the event loop's clock."""
        return self._deadlines.next

    def expire(self) -> None:
        """Abort, refuse or close: a deadline has passed."""
        unsent_bytes = self._output.unsent_bytes
        if unsent_bytes and self._deadlines.extend(unsent_bytes):
            return
        if unsent_bytes or self._lingers:
            self._transport.abort()
        else:
            self._pipeline.expire()

    def rank(self) -> tuple[int, float] | None:
        """Return the place among connections that may be closed in favour of a new one.

        First those that never had a request, then idle ones, then those whose request arrives
        slowly; of each, the longest idle first. None for a request that is being answered.
        """
        pipeline = self._pipeline
        if self._lingers or pipeline.is_empty:
            return int(pipeline.has_served), pipeline.idle_since
        return (2, pipeline.idle_since) if pipeline.is_receiving else None

    def evict(self) -> None:
        """Close at once."""
        self._transport.abort()

    def shutdown(self) -> None:
        """End with the request that is being answered, or with the next, if one comes soon.

        uvicorn calls it when the server stops. A client may send a request until it notices the
        end (RFC 9112, section 9.6): it is answered, with `Connection: close`.
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
